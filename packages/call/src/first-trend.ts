/** Packets of the first so much audio are looked at, ms, beside what was there before; fewer packets tell nothing. */
const WITHIN_MS = 1000;
const KEPT_MS = 100;
const MIN_PACKETS = 4;
const LEAST_MS = 60;
/** What follows another packet sooner than this, ms, was held up with it, and is the less late one: a link that is too narrow lets them out further apart. */
const TOGETHER_MS = 4;
/** Packets have to become later by so many standard errors, and this share more of them for each packet that there are too few; and by so much in all, ms. */
const SURE = 3.3;
const SURER_WITH_FEW = 1.5;
const LEAST_GROWTH_MS = 14;
/** Clocks and schedulers vary by so much everywhere, ms. */
const LEAST_DEVIATION_MS = 1.5;

/**
 * Whether packets come later and later from the first one on, which is how a call begins on a link that is too narrow for it: a line through all
 * that have come tells sooner than groups of neighbours do. The same where the sender begins to send more. Pure.
 */
export class FirstTrend {
  readonly #sentMs: number[] = [];
  readonly #delaysMs: number[] = [];
  #begunMs: number | null = null;
  #arrivedAtMs = Number.NEGATIVE_INFINITY;
  #isDone = false;

  /** From now on more is sent. */
  beginAnew(): void {
    this.#begunMs = null;
    this.#isDone = false;
  }

  /** @returns how much later they come for each ms of audio, once, when that is certain enough; 0 else */
  observe(delayMs: number, nowMs: number): number {
    const sentMs = nowMs - delayMs;
    if (this.#begunMs === null) this.#forgetUntil(sentMs - KEPT_MS);
    this.#begunMs ??= sentMs;
    if (sentMs > this.#begunMs + WITHIN_MS) this.#isDone = true;
    if (this.#isDone) this.#forgetUntil(sentMs - KEPT_MS);
    if (nowMs < this.#arrivedAtMs + TOGETHER_MS) {
      this.#sentMs.pop();
      this.#delaysMs.pop();
    }
    this.#arrivedAtMs = nowMs;
    this.#sentMs.push(sentMs);
    this.#delaysMs.push(delayMs);
    if (this.#isDone || this.#sentMs.length < MIN_PACKETS || sentMs < this.#begunMs + LEAST_MS) return 0;
    const growth = this.#growth();
    this.#isDone = growth > 0;
    return growth;
  }

  #forgetUntil(untilMs: number): void {
    while (this.#sentMs.length > 0 && this.#sentMs[0]! <= untilMs) {
      this.#sentMs.shift();
      this.#delaysMs.shift();
    }
  }

  #growth(): number {
    const sent = centred(this.#sentMs);
    const delays = centred(this.#delaysMs);
    const spread = sumOf(sent, (x) => x * x);
    const growth = sumOf(sent, (x, i) => x * delays[i]!) / spread;
    if (growth * (sent.at(-1)! - sent[0]!) < LEAST_GROWTH_MS) return 0;
    const left = sumOf(delays, (y, i) => (y - growth * sent[i]!) ** 2);
    if (left > leftOfStep(delays)) return 0;
    const freedom = delays.length - 2;
    const error = Math.max(LEAST_DEVIATION_MS, Math.sqrt(left / freedom)) / Math.sqrt(spread);
    return growth < SURE * (1 + SURER_WITH_FEW / freedom) * error ? 0 : growth;
  }
}

/** What is left of the squares of these, whose mean is 0, when they are taken for two levels: a route that became longer at once. */
function leftOfStep(delays: readonly number[]): number {
  let before = 0;
  let explained = 0;
  for (let count = 1; count < delays.length; count++) {
    before += delays[count - 1]!;
    explained = Math.max(explained, before ** 2 / count + before ** 2 / (delays.length - count));
  }
  return sumOf(delays, (y) => y * y) - explained;
}

function centred(values: readonly number[]): number[] {
  const mean = sumOf(values, (value) => value) / values.length;
  return values.map((value) => value - mean);
}

const sumOf = (values: readonly number[], of: (value: number, i: number) => number): number =>
  values.reduce((sum, value, i) => sum + of(value, i), 0);

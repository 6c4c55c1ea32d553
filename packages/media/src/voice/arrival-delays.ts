/** Packets looked at, 4 s of audio at 50 a second, and for how long, ms: what is older says little of a path now. */
const WINDOW_PACKETS = 200;
const WINDOW_MS = 5000;
/**
 * What a share of 1 of late packets costs, and a millisecond of delay below and above {@link LONG_DELAY_MS}, all in points of R (G.107,
 * as in docs/media.md: 1% of loss is worth 8 points where it is not concealed; 0.02 a ms up to 150 ms, and 0.1 and more above).
 */
const LATE_COST = 400;
const DELAY_COST_PER_MS = 0.03;
const LONG_DELAY_COST_PER_MS = 0.1;
const LONG_DELAY_MS = 120;
/** So many of the earliest may be strays (a jump of the numbers that did not last) before they count. */
const STRAY_PACKETS = 2;
const MIN_PACKETS_FOR_STRAYS = 10;
/** Until so many packets have come, jitter is taken to be at least {@link UNKNOWN_JITTER_MS}. */
const KNOWN_AFTER_PACKETS = 50;
const UNKNOWN_JITTER_MS = 40;
/** Nobody waits longer for late packets. */
const MAX_SPREAD_MS = 250;
/** The spread is worked out anew after so many packets, or when one comes earlier or later than it allows for by so much. */
const EVALUATE_EVERY = 5;
const REMARKABLE_MS = 1;

/**
 * How much later than the earliest ones packets arrive. A packet's delay here is its arrival less the time of the sender that
 * it ends at, so the two clocks need not agree: only differences count.
 */
export class ArrivalDelays {
  readonly #delaysMs: { delayMs: number; atMs: number }[] = [];
  #baseMs = 0;
  #spreadMs = 0;
  #sinceEvaluation = 0;

  get isEmpty(): boolean {
    return this.#delaysMs.length === 0;
  }

  /** Delay of packets that had nothing to wait for. */
  get baseMs(): number {
    return this.#baseMs;
  }

  /** For so long after the base it is worth waiting: what more would cost is above what late packets do. */
  get spreadMs(): number {
    const leastMs = this.#delaysMs.length < KNOWN_AFTER_PACKETS ? UNKNOWN_JITTER_MS : 0;
    return Math.max(leastMs, this.#spreadMs);
  }

  observe(delayMs: number, nowMs: number): void {
    const delays = this.#delaysMs;
    delays.push({ delayMs, atMs: nowMs });
    while (delays.length > WINDOW_PACKETS || delays[0]!.atMs < nowMs - WINDOW_MS) delays.shift();
    const isRemarkable =
      delayMs < this.#baseMs - REMARKABLE_MS || delayMs > this.#baseMs + this.#spreadMs + REMARKABLE_MS;
    if (++this.#sinceEvaluation < EVALUATE_EVERY && !isRemarkable && delays.length > EVALUATE_EVERY) return;
    this.#sinceEvaluation = 0;
    this.#evaluate();
  }

  reset(): void {
    this.#delaysMs.length = 0;
    this.#baseMs = 0;
    this.#spreadMs = 0;
  }

  #evaluate(): void {
    const sorted = Float64Array.from(this.#delaysMs, ({ delayMs }) => delayMs).sort();
    const count = sorted.length;
    this.#baseMs = sorted[count >= MIN_PACKETS_FOR_STRAYS ? STRAY_PACKETS : 0]!;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let i = count - 1; i >= 0; i--) {
      const spreadMs = Math.min(MAX_SPREAD_MS, Math.max(0, sorted[i]! - this.#baseMs));
      const lateCost = (LATE_COST * (count - 1 - i)) / count;
      if (lateCost >= bestCost) break;
      const cost = lateCost + delayCost(spreadMs);
      if (cost >= bestCost) continue;
      bestCost = cost;
      this.#spreadMs = spreadMs;
    }
  }
}

function delayCost(delayMs: number): number {
  const longMs = Math.max(0, delayMs - LONG_DELAY_MS);
  return DELAY_COST_PER_MS * (delayMs - longMs) + LONG_DELAY_COST_PER_MS * longMs;
}

/** A mark so few packets after the last one waits: marks are to last for the whole window, however often pings come. */
const MIN_APART_PACKETS = 5;
/** Loss is that of about so many packets back, 2 s of audio: what is older says little of a path now. */
const WINDOW_PACKETS = 100;
/** What is missing between two marks so far apart was an outage, or one of the two has slept. */
const MAX_APART_PACKETS = 100;
/** A path that carries no audio any more has no loss to speak of after this time, ms. */
const STALE_AFTER_MS = 10_000;
/** Two lost packets in 2 s are no sign of a bad path, unless they were lost together. */
const UNREMARKABLE_LOST = 2;
const UNREMARKABLE_TOGETHER = 1;
/** And the first ones that are count for less. */
const ALLOWANCE = 1.5;

interface Mark {
  sent: number;
  received: number;
}

/** Share of the media packets lost in one direction of a path: the one side's count of sent ones against the other's of received ones. */
export class LossMeter {
  /** Percent, of the packets in the window; null until there are a few. */
  lossPct: number | null = null;
  /** So many packets are in the window. */
  packets = 0;
  readonly #marks: Mark[] = [];
  #markedAtMs = 0;

  /** Both counts at one moment; 32 bits that may wrap. */
  note(sent: number, received: number, nowMs: number): void {
    if (nowMs >= this.#markedAtMs + STALE_AFTER_MS) this.forget();
    const last = this.#marks.at(-1);
    if (last !== undefined) {
      const apart = countBetween(last.sent, sent);
      // Far apart the wrong way round: a peer that counts backwards, or an old pong.
      if (apart > 0x7fffffff || countBetween(last.received, received) > 0x7fffffff) return;
      if (apart < MIN_APART_PACKETS) return;
      if (apart > MAX_APART_PACKETS) this.#marks.length = 0;
    }
    this.#markedAtMs = nowMs;
    this.#marks.push({ sent, received });
    while (this.#marks.length > 2 && countBetween(this.#marks[1]!.sent, sent) >= WINDOW_PACKETS)
      this.#marks.shift();
    this.#measure();
  }

  #measure(): void {
    if (this.#marks.length < 2) return;
    const [first, last] = [this.#marks[0]!, this.#marks.at(-1)!];
    const lost = lostBetween(first, last);
    const isBurst = this.#marks.some(
      (mark, index) => index > 0 && lostBetween(this.#marks[index - 1]!, mark) > UNREMARKABLE_TOGETHER,
    );
    const isRemarkable = lost > UNREMARKABLE_LOST || isBurst;
    this.packets = countBetween(first.sent, last.sent);
    this.lossPct = isRemarkable ? (100 * Math.max(0, lost - ALLOWANCE)) / this.packets : 0;
  }

  /** What comes is another story. */
  forget(): void {
    this.#marks.length = 0;
    this.lossPct = null;
    this.packets = 0;
  }
}

const lostBetween = (from: Mark, to: Mark): number =>
  countBetween(from.sent, to.sent) - countBetween(from.received, to.received);

const countBetween = (from: number, to: number): number => (to - from) >>> 0;

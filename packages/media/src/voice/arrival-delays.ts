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
/** A single one that is later than all others by this, ms, is not waited for either. */
const STRAY_LATER_MS = 20;
/** Until so many packets have come, jitter is taken to be at least {@link UNKNOWN_JITTER_MS}. */
const KNOWN_AFTER_PACKETS = 50;
const UNKNOWN_JITTER_MS = 15;
/** Nobody waits longer for late packets. */
const MAX_SPREAD_MS = 250;
/**
 * How much later than the earliest ones packets arrive. A packet's delay here is its arrival less the time of the sender that
 * it ends at, so the two clocks need not agree: only differences count.
 */
export class ArrivalDelays {
  readonly #packets: { delayMs: number; atMs: number }[] = [];
  /** Their delays, ascending. */
  readonly #sortedMs: number[] = [];
  #baseMs = 0;
  #spreadMs = 0;

  get isEmpty(): boolean {
    return this.#packets.length === 0;
  }

  /** Delay of packets that had nothing to wait for. */
  get baseMs(): number {
    return this.#baseMs;
  }

  /** For so long after the base it is worth waiting: what more would cost is above what late packets do. */
  get spreadMs(): number {
    const leastMs = this.#packets.length < KNOWN_AFTER_PACKETS ? UNKNOWN_JITTER_MS : 0;
    return Math.max(leastMs, this.#spreadMs);
  }

  observe(delayMs: number, nowMs: number): void {
    this.#packets.push({ delayMs, atMs: nowMs });
    this.#sortedMs.splice(indexIn(this.#sortedMs, delayMs), 0, delayMs);
    while (this.#packets.length > WINDOW_PACKETS || this.#packets[0]!.atMs < nowMs - WINDOW_MS)
      this.#sortedMs.splice(indexIn(this.#sortedMs, this.#packets.shift()!.delayMs), 1);
    this.#evaluate();
  }

  reset(): void {
    this.#packets.length = 0;
    this.#sortedMs.length = 0;
    this.#baseMs = 0;
    this.#spreadMs = 0;
  }

  #evaluate(): void {
    const sorted = this.#sortedMs;
    const count = sorted.length;
    this.#baseMs = sorted[count >= MIN_PACKETS_FOR_STRAYS ? STRAY_PACKETS : 0]!;
    let bestCost = Number.POSITIVE_INFINITY;
    const isStray = count >= 2 && sorted[count - 1]! - sorted[count - 2]! > STRAY_LATER_MS;
    const last = isStray ? count - 2 : count - 1;
    for (let i = last; i >= 0; i--) {
      const spreadMs = Math.min(MAX_SPREAD_MS, Math.max(0, sorted[i]! - this.#baseMs));
      const lateCost = (LATE_COST * (last - i)) / count;
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

/** Where that value is in an ascending list, or belongs. */
function indexIn(sorted: readonly number[], value: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle]! < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

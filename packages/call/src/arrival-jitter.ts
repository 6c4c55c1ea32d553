/** Weight of a new sample of neighbours. */
const GAIN = 1 / 16;
const MAX_JITTER_MS = 200;
/** Two jitters add up in the difference of two differences: three times the variance. */
const SECOND_DIFFERENCE = Math.sqrt(3);
/** Packets so far apart are compared as well, and the median of so many samples counts, 1.3 s of audio: how a queue begins is in fewer of them. */
const FAR_APART = 8;
const FAR_SAMPLES = 64;
/** The mean of a normal distribution is 1.18 times the median of what is above 0; and so few samples may mislead. */
const FAR_WEIGHT = 1.4;

/**
 * How much packets vary in the time they take, ms: from differences of differences, in which neither a longer route nor a queue that grows evenly
 * shows for long. About the standard deviation.
 *
 * Where a link keeps packets in order, a late one holds up those behind it, which then come evenly: neighbours tell little, and those far apart do.
 */
export class ArrivalJitter {
  /** The last ones, newest last. */
  readonly #delaysMs: number[] = [];
  #nearMs = 0;
  #nearSamples = 0;
  readonly #farMs: number[] = [];
  /** The same, ascending: sorting them anew for each packet took as long as all else that is done here. */
  readonly #farSortedMs: number[] = [];

  get ms(): number {
    const farMedianMs = this.#farSortedMs[(this.#farSortedMs.length - 1) >> 1] ?? 0;
    return Math.max(this.#nearMs, FAR_WEIGHT * farMedianMs);
  }

  /** @param isQueue whether what varies is a queue that was seen: packets far apart are not compared across it */
  observe(delayMs: number, isQueue: boolean): void {
    this.#delaysMs.push(delayMs);
    const kept = 2 * (isQueue ? 1 : FAR_APART) + 1;
    while (this.#delaysMs.length > kept) this.#delaysMs.shift();
    const nearMs = this.#sample(1);
    if (nearMs !== null) this.#nearMs += (nearMs - this.#nearMs) * Math.max(GAIN, 1 / ++this.#nearSamples);
    const farMs = this.#sample(FAR_APART);
    if (farMs === null) return;
    this.#farMs.push(farMs);
    this.#farSortedMs.splice(placeIn(this.#farSortedMs, farMs), 0, farMs);
    if (this.#farMs.length > FAR_SAMPLES)
      this.#farSortedMs.splice(placeIn(this.#farSortedMs, this.#farMs.shift()!), 1);
  }

  #sample(apart: number): number | null {
    const at = this.#delaysMs.length - 1;
    if (at < 2 * apart) return null;
    const [oldest, middle, newest] = [2 * apart, apart, 0].map((back) => this.#delaysMs[at - back]!);
    return Math.min(MAX_JITTER_MS, Math.abs(newest! - 2 * middle! + oldest!) / SECOND_DIFFERENCE);
  }
}

/** Where that value is in an ascending list, or belongs. */
function placeIn(sorted: readonly number[], value: number): number {
  let at = 0;
  while (at < sorted.length && sorted[at]! < value) at++;
  return at;
}

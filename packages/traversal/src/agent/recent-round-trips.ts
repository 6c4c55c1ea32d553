/** Round trips that are remembered: an odd number, so that there is a middle one. */
const REMEMBERED = 5;

/**
 * The last few round trips of a path, for comparing paths: their median, and how far they lie from it. A busy machine answers
 * the first pings of a call late. The smoothed round trip of RFC 6298, made for timeouts, remembers that for tens of
 * samples and lets a good path look bad for as long; two late ones among five do not move a median.
 */
export class RecentRoundTrips {
  readonly #samplesMs: number[] = [];
  #medianMs: number | null = null;
  #spreadMs = 0;

  /** Both are worked out here: they are asked for with each packet, of each path, and a sample comes a few times a second. */
  note(sampleMs: number): void {
    if (this.#samplesMs.push(sampleMs) > REMEMBERED) this.#samplesMs.shift();
    const middleMs = lowerMedian(this.#samplesMs);
    this.#medianMs = middleMs;
    this.#spreadMs = lowerMedian(this.#samplesMs.map((each) => Math.abs(each - middleMs)));
  }

  /** Null before the first sample. */
  get medianMs(): number | null {
    return this.#medianMs;
  }

  /** Median distance from the median, ms. */
  get spreadMs(): number {
    return this.#spreadMs;
  }
}

/** Of an even number the lower one of the two in the middle: what delays a ping makes it longer, never shorter. */
function lowerMedian(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1]!;
}

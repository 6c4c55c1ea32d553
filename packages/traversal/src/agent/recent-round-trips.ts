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
  #lowestMs: number | null = null;

  /** Both are worked out here: they are asked for with each packet, of each path, and a sample comes a few times a second. */
  note(sampleMs: number): void {
    if (this.#samplesMs.push(sampleMs) > REMEMBERED) this.#samplesMs.shift();
    const middleMs = lowerMedian(this.#samplesMs);
    this.#medianMs = middleMs;
    this.#lowestMs = Math.min(...this.#samplesMs);
    this.#spreadMs = lowerMedian(this.#samplesMs.map((each) => Math.abs(each - middleMs)));
  }

  /** Null before the first sample. */
  get medianMs(): number | null {
    return this.#medianMs;
  }

  /** The shortest of them, which our own and the peer's lateness says least about. Null before the first sample. */
  get lowestMs(): number | null {
    return this.#lowestMs;
  }

  /** As many as are remembered: a path that is only just in use has shown little of itself. */
  get isFull(): boolean {
    return this.#samplesMs.length === REMEMBERED;
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

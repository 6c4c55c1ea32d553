/** Frames looked at before a verdict: half a second to shorten, and twice that to lengthen. */
const SHORTEN_WINDOW_FRAMES = 25;
const LENGTHEN_WINDOW_FRAMES = 50;
/** When this many frames in a row came too late to play, the path has become longer: no need to wait. */
const ALL_LATE_FRAMES = 10;

export type DelayVerdict = { kind: 'keep' } | { kind: 'shorten' } | { kind: 'lengthen'; frames: number };

const KEEP: DelayVerdict = { kind: 'keep' };

/**
 * Watches the margin of arriving frames (how long before its moment each came; negative = too late) and says when
 * a buffer with a fixed target should move. Shortening looks at the mean and lengthening at the best
 * margin, so that jitter makes it do neither: between the two lies a zone where nothing happens.
 */
export class DelayWatch {
  readonly #targetMs: number;
  readonly #frameMs: number;
  #frames = 0;
  #marginSumMs = 0;
  #bestMarginMs = Number.NEGATIVE_INFINITY;

  constructor(targetMs: number, frameMs: number) {
    this.#targetMs = targetMs;
    this.#frameMs = frameMs;
  }

  /** Takes one margin in; any verdict other than `keep` starts a new window. */
  observe(marginMs: number): DelayVerdict {
    this.#frames += 1;
    // A frame seconds late says no more than one that is late by the whole target.
    this.#marginSumMs += Math.max(marginMs, -this.#targetMs);
    this.#bestMarginMs = Math.max(this.#bestMarginMs, marginMs);
    const verdict = this.#judge();
    if (verdict !== KEEP || this.#frames >= LENGTHEN_WINDOW_FRAMES) this.reset();
    return verdict;
  }

  reset(): void {
    this.#frames = 0;
    this.#marginSumMs = 0;
    this.#bestMarginMs = Number.NEGATIVE_INFINITY;
  }

  #judge(): DelayVerdict {
    const missingMs = this.#targetMs - this.#bestMarginMs;
    if (this.#frames >= ALL_LATE_FRAMES && this.#bestMarginMs < 0) {
      return { kind: 'lengthen', frames: Math.ceil(missingMs / this.#frameMs) };
    }
    const meanMs = this.#marginSumMs / this.#frames;
    // A margin lies up to one frame above the target at the best of times, and one more is not worth a seam.
    if (this.#frames >= SHORTEN_WINDOW_FRAMES && meanMs > this.#targetMs + 1.75 * this.#frameMs) {
      return { kind: 'shorten' };
    }
    if (this.#frames >= LENGTHEN_WINDOW_FRAMES && missingMs > this.#frameMs) {
      return { kind: 'lengthen', frames: 1 };
    }
    return KEEP;
  }
}

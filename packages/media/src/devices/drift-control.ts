/** Half of a deviation is made good in about 7 s: 10 ms too much make the sound 0.1% faster. */
const CORRECTION_PER_MS = 1e-4;
/** Never more than this, 0.5%: a twelfth of a semitone, which nobody hears. Sound cards are off by 0.05% at worst. */
const MAX_CORRECTION = 0.005;
/** How much one measurement counts, with fifty a second: single ones jump by a whole block. */
const SMOOTHING = 0.02;

/**
 * Two sound cards, and the clock by which frames are sent, never run at quite the same speed. How much sound waits between
 * them shows it; this tells by how much to stretch or squeeze so that it stays at `targetMs`.
 */
export class DriftControl {
  #targetMs: number;
  #meanMs: number;

  constructor(targetMs: number) {
    this.#targetMs = targetMs;
    this.#meanMs = targetMs;
  }

  /** What waits on average, ms. */
  get meanMs(): number {
    return this.#meanMs;
  }

  get targetMs(): number {
    return this.#targetMs;
  }

  /** From now on so much should wait; it is stretched there. */
  set targetMs(targetMs: number) {
    this.#targetMs = targetMs;
  }

  /** Everything begins anew: what waited is gone, or was brought to the target at once. */
  reset(): void {
    this.#meanMs = this.#targetMs;
  }

  /** So much waits now. */
  note(waitingMs: number, weight = SMOOTHING): void {
    this.#meanMs += (waitingMs - this.#meanMs) * weight;
  }

  /** Samples to take for each one to make: above 1 when too much waits. */
  get ratio(): number {
    const correction = (this.#meanMs - this.#targetMs) * CORRECTION_PER_MS;
    return 1 + Math.max(-MAX_CORRECTION, Math.min(MAX_CORRECTION, correction));
  }
}

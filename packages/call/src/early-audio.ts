/** Audio that overtakes the accept on another road is kept for this long, ms, and this many frames. */
const EARLY_AUDIO_MS = 1000;
const EARLY_AUDIO_FRAMES = 50;

export interface AudioFrame {
  frameLow: number;
  opus: Uint8Array;
}

/** What was heard before it may be played. */
export class EarlyAudio {
  readonly #frames: (AudioFrame & { arrivedAtMs: number })[] = [];

  keep({ frameLow, opus }: AudioFrame, nowMs: number): void {
    this.#frames.push({ frameLow, opus, arrivedAtMs: nowMs });
    if (this.#frames.length > EARLY_AUDIO_FRAMES) this.#frames.shift();
  }

  /** What is not too old, once. */
  take(nowMs: number): AudioFrame[] {
    return this.#frames
      .splice(0)
      .filter(({ arrivedAtMs }) => nowMs - arrivedAtMs <= EARLY_AUDIO_MS)
      .map(({ frameLow, opus }) => ({ frameLow, opus }));
  }
}

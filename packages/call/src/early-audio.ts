import type { AudioPayload } from '@overcall/wire';

/** Audio that overtakes the accept on another road is kept for this long, ms, and this many frames. */
const EARLY_AUDIO_MS = 1000;
const EARLY_AUDIO_FRAMES = 50;

/** What came in one packet. */
export type HeardAudio = Pick<AudioPayload, 'frameLow' | 'opus' | 'copies'>;

/** What was heard before it may be played. */
export class EarlyAudio {
  readonly #frames: (HeardAudio & { arrivedAtMs: number })[] = [];

  keep(audio: HeardAudio, nowMs: number): void {
    this.#frames.push({ ...audio, arrivedAtMs: nowMs });
    if (this.#frames.length > EARLY_AUDIO_FRAMES) this.#frames.shift();
  }

  /** What is not too old, once. */
  take(nowMs: number): HeardAudio[] {
    return this.#frames
      .splice(0)
      .filter(({ arrivedAtMs }) => nowMs - arrivedAtMs <= EARLY_AUDIO_MS)
      .map(({ frameLow, opus, copies }) => ({ frameLow, opus, copies }));
  }
}

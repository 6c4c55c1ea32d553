import type { AudioPayload } from '@overcall/wire';

/** Audio that overtakes the accept on another road is kept for this long, ms, and this many frames. */
const EARLY_AUDIO_MS = 1000;
const EARLY_AUDIO_FRAMES = 50;
/** By then the accept has come over some supernode, or all that carried it are dead, ms. */
const OVERDUE_MS = 500;

/** What came in one packet. */
export type HeardAudio = Pick<AudioPayload, 'frameLow' | 'opus' | 'copies'>;

/** What was heard before it may be played. */
export class EarlyAudio {
  readonly #frames: (HeardAudio & { arrivedAtMs: number })[] = [];

  #sinceMs: number | null = null;

  keep(audio: HeardAudio, nowMs: number): void {
    this.#sinceMs ??= nowMs;
    this.#frames.push({ ...audio, arrivedAtMs: nowMs });
    if (this.#frames.length > EARLY_AUDIO_FRAMES) this.#frames.shift();
  }

  /** Whether the accept is not to be waited for any more: only who has accepted sends audio. */
  isOverdue(nowMs: number): boolean {
    return this.#sinceMs !== null && nowMs >= this.#sinceMs + OVERDUE_MS;
  }

  /** What is not too old, once. */
  take(nowMs: number): HeardAudio[] {
    return this.#frames
      .splice(0)
      .filter(({ arrivedAtMs }) => nowMs - arrivedAtMs <= EARLY_AUDIO_MS)
      .map(({ frameLow, opus, copies }) => ({ frameLow, opus, copies }));
  }
}

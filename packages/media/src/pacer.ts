import { FRAME_MS } from './audio-format.ts';

/** A pause longer than this (the process or the machine slept) is skipped; a shorter one is caught up with. */
const SUSPEND_MS = 500;

/**
 * Says how many frames are due, on a grid that starts at `startMs`: however late the timer that asks, the n-th
 * frame belongs to `startMs + n * intervalMs`, so nothing drifts. Pure: the caller owns the clock (monotonic) and the
 * timer, and asks again at `nextAt`. Asking earlier or later does no harm.
 */
export class FramePacer {
  readonly #startMs: number;
  readonly #intervalMs: number;
  #gridIndex = 0;
  #skippedFrames = 0;

  constructor(startMs: number, intervalMs: number = FRAME_MS) {
    this.#startMs = startMs;
    this.#intervalMs = intervalMs;
  }

  /** When the next frame is due. */
  get nextAt(): number {
    return this.#startMs + this.#gridIndex * this.#intervalMs;
  }

  /** Frames that were never asked for because of a suspend. A sender adds them to its frame numbers. */
  get skippedFrames(): number {
    return this.#skippedFrames;
  }

  /** Frames due at `nowMs` that were not handed out yet; after a suspend one, not a burst. */
  due(nowMs: number): number {
    const lateMs = nowMs - this.nextAt;
    if (lateMs < 0) return 0;
    const frames = Math.floor(lateMs / this.#intervalMs) + 1;
    this.#gridIndex += frames;
    if (lateMs <= SUSPEND_MS) return frames;
    this.#skippedFrames += frames - 1;
    return 1;
  }
}

import { FRAME_MS } from '../audio-format.ts';

/** Above the target by this, ms, a whole frame waits for nothing; by the second one, it is urgent; by the third, a stall piled it up. */
const SHORTEN_ABOVE_MS = FRAME_MS + 2;
const SHORTEN_NOW_ABOVE_MS = 60;
const HURRY_ABOVE_MS = 100;
/** So much of what is decoded and waits for its tick can be spared, ms: no frame is shortened by more. */
const SPARE_PENDING_MS = 10;
/** Further below than this, ms, frames are lengthened: before what is kept for jitter (5 ms less than the delay wanted) is used up. */
const LENGTHEN_BELOW_MS = 4;
/** Frames left as they are after one that was stretched without hurry. */
const REST_FRAMES = 2;

export type Stretch = 'none' | 'shorten' | 'lengthen' | 'shorten-now' | 'hurry';

/** Decides for each frame whether it is made shorter or longer, so that the delay becomes the one that is wanted. Pure. */
export class StretchChoice {
  #restFrames = 0;

  /**
   * @param surplusMs the delay above the one that is wanted; negative below it
   * @param pendingMs what is decoded and has not been played yet
   * @param isNextThere whether the frame after this one has come
   */
  choose(surplusMs: number, pendingMs: number, isNextThere: boolean): Stretch {
    const canSpare = pendingMs >= SPARE_PENDING_MS;
    // A frame that is too short for its tick asks for the next one at once.
    const canShorten = canSpare || isNextThere;
    if (surplusMs > HURRY_ABOVE_MS && isNextThere) return 'hurry';
    if (surplusMs > SHORTEN_NOW_ABOVE_MS && canShorten) return 'shorten-now';
    if (surplusMs < -FRAME_MS) return 'lengthen';
    if (this.#restFrames > 0) {
      this.#restFrames--;
      return 'none';
    }
    if (canShorten && surplusMs > (canSpare ? 0 : SHORTEN_ABOVE_MS)) return 'shorten';
    return surplusMs < -LENGTHEN_BELOW_MS ? 'lengthen' : 'none';
  }

  /** A place to stretch was found. */
  noteStretched(): void {
    this.#restFrames = REST_FRAMES;
  }
}

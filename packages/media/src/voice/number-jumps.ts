/** Numbers further ahead or behind than this are a jump; so many in a row begin anew there, and so do so many late ones. */
export const JUMP_FRAMES = 45;
/** What goes on from what has come already is none: while nothing was played so many frames may have come, 2 s and what waits in any case. */
const MOST_WAITING_FRAMES = 120;
const JUMPS_TO_RESYNC = 3;
const LATE_TO_RESYNC = 10;

/**
 * Tells stray numbers from a sender that goes on elsewhere: it was restarted, slept, or counts anew. A stray one changes
 * nothing. Pure.
 */
export class NumberJumps {
  #jumps = 0;
  #lastJump = 0;
  #lateInRow = 0;

  /**
   * What a number means that has come while `next` is the one to be played and `newest` the highest that waits.
   * @returns `near`: it belongs here; `stray`: it does not, and is dropped; `resync`: everything begins anew around it
   */
  handle(number: number, next: number, newest: number): 'near' | 'stray' | 'resync' {
    const goesOnFrom = Math.max(next, Math.min(newest, next + MOST_WAITING_FRAMES - JUMP_FRAMES));
    if (number >= next - JUMP_FRAMES && number <= goesOnFrom + JUMP_FRAMES) {
      this.#jumps = 0;
      return 'near';
    }
    const isNearLast = Math.abs(number - this.#lastJump) <= JUMP_FRAMES;
    this.#jumps = isNearLast ? this.#jumps + 1 : 1;
    this.#lastJump = number;
    return this.#jumps < JUMPS_TO_RESYNC ? 'stray' : 'resync';
  }

  /** A frame came too late to be of use; whether everything is to begin anew, because all of them do. */
  handleLate(): boolean {
    return ++this.#lateInRow >= LATE_TO_RESYNC;
  }

  handleUseful(): void {
    this.#lateInRow = 0;
  }

  /** Playing has stopped: any number may be the first one. */
  reset(): void {
    this.#jumps = 0;
    this.#lateInRow = 0;
  }
}

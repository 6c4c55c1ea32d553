import { MAX_MOVES_PER_STEP, MOVE_STEP_MS, MOVE_STEPS } from './index-limits.ts';
import type { Presence } from './presence.ts';

/** Records of softphones here that may have to go to other keepers: some at a time. */
export class IndexMoves {
  #queue: Presence[] = [];
  #perStep = 0;
  #nextMs: number | null = null;
  #isWanted = false;

  /** As soon as those that move now have done so. */
  want(): void {
    this.#isWanted = true;
  }

  #start(presences: Iterable<Presence>, nowMs: number): void {
    this.#isWanted = false;
    this.#queue = [...presences];
    this.#perStep = Math.min(MAX_MOVES_PER_STEP, Math.ceil(this.#queue.length / MOVE_STEPS));
    this.#nextMs = this.#queue.length > 0 ? nowMs + MOVE_STEP_MS : null;
  }

  /** Those whose turn it is. */
  handleTimeout(presences: Iterable<Presence>, nowMs: number): Presence[] {
    if (this.#isWanted && this.#nextMs === null) this.#start(presences, nowMs);
    if (this.#nextMs === null || nowMs < this.#nextMs) return [];
    const due = this.#queue.splice(-this.#perStep);
    this.#nextMs = this.#queue.length > 0 ? nowMs + MOVE_STEP_MS : null;
    return due;
  }

  get deadline(): number | null {
    return this.#nextMs ?? (this.#isWanted ? Number.NEGATIVE_INFINITY : null);
  }
}

import { fullJitter } from '../jitter.ts';

/** At the start so many are tried one after the other without a pause. */
export const FIRST_ROUND = 8;
/** Between attaches to one supernode, and between attaches at all when several failed in a row. */
const SUPERNODE_BACKOFF = { firstMs: 500, lastMs: 30_000 };
const ROUND_BACKOFF = { firstMs: 250, lastMs: 5000 };
/** The same for who has one: those who have none go first. */
const SPARE_BACKOFF = { firstMs: 1000, lastMs: 10_000 };
/** With one supernode standing there is no hurry to find another, ms. */
const SPARE_WITHIN_MS = 2000;
/** With none there is, but a crowd may have lost the same ones, ms; few of a crowd are in a call, and hear nothing meanwhile. */
const URGENT_WITHIN_MS = 500;
const URGENT_IN_CALL_MS = 100;

/** When a softphone may try to attach: a crowd that lost the same supernode comes back spread out. */
export class AttemptPace {
  readonly #random: () => number;
  #nextMs = 0;
  #failedInARow = 0;
  #wasAttached = false;

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Before this nothing is tried. */
  get nextMs(): number {
    return this.#nextMs;
  }

  /** Whether it has ever been attached. */
  get wasAttached(): boolean {
    return this.#wasAttached;
  }

  handleAttached(): void {
    this.#failedInARow = 0;
    this.#wasAttached = true;
  }

  /** @param hasOne whether another supernode can be relied on meanwhile */
  handleFailed(hasOne: boolean, nowMs: number): void {
    this.#failedInARow++;
    const isFirstRound = !this.#wasAttached && this.#failedInARow < FIRST_ROUND;
    const backoff = hasOne ? SPARE_BACKOFF : ROUND_BACKOFF;
    const pauseMs = isFirstRound ? 0 : fullJitter(backoff, this.#failedInARow, this.#random);
    this.#nextMs = Math.max(this.#nextMs, nowMs + pauseMs);
  }

  handleLost(hasOne: boolean, isCalm: boolean, nowMs: number): void {
    const urgentMs = isCalm ? URGENT_WITHIN_MS : URGENT_IN_CALL_MS;
    this.#nextMs = nowMs + this.#random() * (hasOne ? SPARE_WITHIN_MS : urgentMs);
  }

  /**
   * Before this one supernode is not tried again.
   * @param retryAfterMs as it said
   */
  notBeforeMs(failures: number, retryAfterMs: number | undefined, nowMs: number): number {
    if (retryAfterMs !== undefined) return nowMs + retryAfterMs * (1 + this.#random() / 4);
    return nowMs + fullJitter(SUPERNODE_BACKOFF, failures, this.#random);
  }
}

import type { Backoff } from '../jitter.ts';

/** From the first pause to the last, doubling, ms. */
const PAUSES: Backoff = { firstMs: 1000, lastMs: 60_000 };

/**
 * How often the directory is asked for a newer list while no supernode takes a softphone: each pause spread by half, so that
 * those who lost the same supernodes do not ask together.
 */
export class ReloadPace {
  readonly #random: () => number;
  #pauseMs = PAUSES.firstMs;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Whether to ask now; when yes, the next pause begins. */
  take(nowMs: number): boolean {
    if (nowMs < this.#notBeforeMs) return false;
    this.#notBeforeMs = nowMs + this.#pauseMs * (0.5 + this.#random());
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSES.lastMs);
    return true;
  }

  /** One took us: next time it begins with short pauses again. */
  reset(): void {
    this.#pauseMs = PAUSES.firstMs;
  }
}

/** Whoever was there all at once is to hear of a new list at different moments, ms. */
const SPREAD_MS = 500;
/** Strangers can only make this supernode ask so often, ms. */
const INTERVAL_MS = 10_000;

/**
 * When to ask the directory for a newer list because somebody who is not in ours wants a link: a supernode that has just
 * been admitted, or a stranger.
 */
export class UnknownCallers {
  readonly #random: () => number;
  #askAtMs: number | null = null;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  handleUnknown(nowMs: number): void {
    this.#askAtMs ??= Math.max(nowMs + this.#random() * SPREAD_MS, this.#notBeforeMs);
  }

  /** A newer list is in use: whoever is still missing calls again. */
  handleList(): void {
    this.#askAtMs = null;
  }

  /** Whether to ask now. */
  poll(nowMs: number): boolean {
    if (this.#askAtMs === null || nowMs < this.#askAtMs) return false;
    this.#askAtMs = null;
    this.#notBeforeMs = nowMs + INTERVAL_MS;
    return true;
  }

  get nextDeadline(): number | null {
    return this.#askAtMs;
  }
}

/** A relay is asked for so often, so far apart, ms: the other side may be late, or the way on from there not be up yet. */
const ATTEMPTS = 5;
const RETRY_MS = 1000;

/**
 * When the first supernode of a route is asked to open it: at once, again some times when it refuses, and at once whenever it is
 * back, for then it may have forgotten everything. While it is away there is nothing to do but to wait: that is
 * no refusal, and whoever chooses the routes knows that it is away.
 *
 * Pure: `poll` says what to do, at `deadline` and after each `handle...`.
 */
export class RouteOpening {
  #state: 'resting' | 'asking' | 'open' | 'over' = 'resting';
  #failures = 0;
  #askAtMs: number;
  /** It came back while it was being asked: what was asked before may be lost. */
  #isBack = false;

  constructor(nowMs: number) {
    this.#askAtMs = nowMs;
  }

  get deadline(): number {
    return this.#state === 'resting' ? this.#askAtMs : Number.POSITIVE_INFINITY;
  }

  /** `ask` is to be answered by {@link handleOpened} or {@link handleFailed}; after `give-up` nothing more comes. */
  poll(nowMs: number): 'ask' | 'give-up' | null {
    if (nowMs < this.deadline) return null;
    const isHopeless = this.#failures >= ATTEMPTS;
    this.#state = isHopeless ? 'over' : 'asking';
    return isHopeless ? 'give-up' : 'ask';
  }

  handleOpened(): void {
    this.#state = 'open';
    this.#failures = 0;
    this.#isBack = false;
  }

  /** @param isAway it was not asked at all: there is no connection to it, and one that was lost will be made anew */
  handleFailed(isAway: boolean, nowMs: number): void {
    this.#state = 'resting';
    if (!isAway) this.#failures++;
    if (this.#isBack || this.#failures >= ATTEMPTS) this.#askAtMs = nowMs;
    else this.#askAtMs = isAway ? Number.POSITIVE_INFINITY : nowMs + RETRY_MS;
    this.#isBack = false;
  }

  /** The connection to it stands, again. */
  handleBack(nowMs: number): void {
    this.#failures = 0;
    if (this.#state === 'asking') this.#isBack = true;
    if (this.#state === 'over' || this.#state === 'asking') return;
    this.#state = 'resting';
    this.#askAtMs = nowMs;
  }
}

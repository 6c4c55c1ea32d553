/** The two sides do not give a route up at the same moment: what the other one still sends that way is waited for, ms. */
export const LINGER_MS = 1000;
/** Routes that are waited for at once; then the oldest goes. */
export const MAX_LINGERING = 6;

/**
 * Routes that this end has given up and still listens to. Life cycle: `add`, then at `deadline` or when there are too many,
 * `poll` says which are over; each comes out once.
 */
export class LingeringRoutes<Route> {
  /** When each is over, the oldest first. */
  readonly #untilMs = new Map<Route, number>();

  add(route: Route, nowMs: number): void {
    // One that is given up again waits anew.
    this.#untilMs.delete(route);
    this.#untilMs.set(route, nowMs + LINGER_MS);
  }

  /** Those that are waited for, the oldest first. */
  get all(): Route[] {
    return [...this.#untilMs.keys()];
  }

  get deadline(): number {
    if (this.#untilMs.size > MAX_LINGERING) return 0;
    const [first = Number.POSITIVE_INFINITY] = this.#untilMs.values();
    return first;
  }

  /** Those that are over now. */
  poll(nowMs: number): Route[] {
    const over: Route[] = [];
    for (const [route, untilMs] of this.#untilMs) {
      if (nowMs < untilMs && this.#untilMs.size <= MAX_LINGERING) break;
      this.#untilMs.delete(route);
      over.push(route);
    }
    return over;
  }

  /** Waits for none any more; those that it did, the oldest first. */
  clear(): Route[] {
    const { all } = this;
    this.#untilMs.clear();
    return all;
  }
}

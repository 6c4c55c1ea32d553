/**
 * For so long one wave of datagrams keeps the event loop: then whatever else the process does has its turn, ms. As much is a
 * packet late at most whose socket is not this one.
 */
export const TURN_MS = 1;
/**
 * Where a wave came so soon after the one before, the socket waits for the next one itself, as long as this at most, ms: at
 * 10,000 datagrams a second and more. A turn of Node's event loop costs as much as relaying a datagram, and makes garbage.
 */
export const PATIENCE_MS = 0.1;

/** What a relay's socket does after a batch of datagrams. Life cycle: `begin`, then `next` after each batch, until it is `end`. */
export class WaveTurn {
  #beganAtMs = 0;
  #endedAtMs = Number.NEGATIVE_INFINITY;
  #isBusy = false;

  begin(nowMs: number): void {
    this.#isBusy = nowMs - this.#endedAtMs <= PATIENCE_MS;
    this.#beganAtMs = nowMs;
  }

  /** @param count datagrams of the batch that was fetched last */
  next(count: number, nowMs: number): 'fetch' | 'await' | 'end' {
    this.#endedAtMs = nowMs;
    if (nowMs - this.#beganAtMs >= TURN_MS) return 'end';
    if (count > 0) return 'fetch';
    return this.#isBusy ? 'await' : 'end';
  }
}

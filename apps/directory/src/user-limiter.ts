import { OvercallError } from '@overcall/wire';

const WINDOW_MS = 60_000;
/** Users counted in one window; past it the oldest is forgotten, so that memory stays bounded. */
const MAX_USERS = 100_000;

/** Too many requests; `retryAfterS` becomes the Retry-After header (RFC 9110, 10.2.3). */
export class RateLimitedError extends OvercallError {
  readonly retryAfterS: number;

  constructor(message: string, retryAfterS: number) {
    super('rate-limited', message);
    this.retryAfterS = retryAfterS;
  }
}

/** Limits what one user, whatever the address, may ask in a minute. */
export class UserLimiter {
  readonly #perMinute: number;
  readonly #now: () => number;
  #windowStartsAt = Number.NEGATIVE_INFINITY;
  readonly #countByUser = new Map<string, number>();

  constructor(perMinute: number, now: () => number) {
    this.#perMinute = perMinute;
    this.#now = now;
  }

  /** @throws RateLimitedError */
  count(identityKeyId: string): void {
    const nowMs = this.#now();
    // A clock set back starts a new window too.
    if (nowMs - this.#windowStartsAt >= WINDOW_MS || nowMs < this.#windowStartsAt) {
      this.#windowStartsAt = nowMs;
      this.#countByUser.clear();
    }
    const count = (this.#countByUser.get(identityKeyId) ?? 0) + 1;
    if (count > this.#perMinute) {
      const retryAfterS = Math.ceil((this.#windowStartsAt + WINDOW_MS - nowMs) / 1000);
      throw new RateLimitedError(
        `too many requests of this user; try again in ${retryAfterS} s`,
        retryAfterS,
      );
    }
    if (this.#countByUser.size >= MAX_USERS && !this.#countByUser.has(identityKeyId)) {
      const [oldest] = this.#countByUser.keys();
      this.#countByUser.delete(oldest!);
    }
    this.#countByUser.set(identityKeyId, count);
  }
}

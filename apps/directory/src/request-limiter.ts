import { OvercallError } from '@overcall/wire';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
/** Who is counted in one window; past it the oldest is forgotten, so that memory stays bounded. */
const MAX_COUNTED = 100_000;

/** Too many requests; `retryAfterS` becomes the Retry-After header (RFC 9110, 10.2.3). */
export class RateLimitedError extends OvercallError {
  readonly retryAfterS: number;

  constructor(message: string, retryAfterS: number) {
    super('rate-limited', message);
    this.retryAfterS = retryAfterS;
  }
}

/** Limits how often each of many (users, networks) may do something in a window of time. */
export class RequestLimiter {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #now: () => number;
  #windowStartsAt = Number.NEGATIVE_INFINITY;
  readonly #counts = new Map<string, number>();

  constructor(limit: number, windowMs: number, now: () => number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#now = now;
  }

  /** `what` is for the message. @throws RateLimitedError */
  count(who: string, what = 'requests of this user'): void {
    const nowMs = this.#now();
    // A clock set back starts a new window too.
    if (nowMs - this.#windowStartsAt >= this.#windowMs || nowMs < this.#windowStartsAt) {
      this.#windowStartsAt = nowMs;
      this.#counts.clear();
    }
    const count = (this.#counts.get(who) ?? 0) + 1;
    if (count > this.#limit) {
      const retryAfterS = Math.ceil((this.#windowStartsAt + this.#windowMs - nowMs) / 1000);
      throw new RateLimitedError(`too many ${what}; try again in ${retryAfterS} s`, retryAfterS);
    }
    if (this.#counts.size >= MAX_COUNTED && !this.#counts.has(who)) {
      const [oldest] = this.#counts.keys();
      this.#counts.delete(oldest!);
    }
    this.#counts.set(who, count);
  }
}

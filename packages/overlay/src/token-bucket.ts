/** Rate and burst of a {@link TokenBucket}. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** Lets `burst` through at once and `perSecond` in the long run. */
export class TokenBucket {
  #rate: Rate;
  #tokens: number;
  #updatedAtMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#updatedAtMs = nowMs;
  }

  /** Takes `amount` tokens; false, and nothing taken, when there are not as many. */
  take(nowMs: number, amount = 1): boolean {
    this.#refill(nowMs);
    if (this.#tokens < amount) return false;
    this.#tokens -= amount;
    return true;
  }

  /** Another rate from now on; what has been saved counts as far as the new burst goes. */
  changeRate(rate: Rate, nowMs: number): void {
    this.#refill(nowMs);
    this.#rate = rate;
    this.#tokens = Math.min(this.#tokens, rate.burst);
  }

  /** How full it is, 0 to 1. */
  level(nowMs: number): number {
    this.#refill(nowMs);
    return this.#tokens / this.#rate.burst;
  }

  #refill(nowMs: number): void {
    // A clock that steps back refills nothing.
    const elapsedMs = Math.max(0, nowMs - this.#updatedAtMs);
    this.#updatedAtMs = Math.max(this.#updatedAtMs, nowMs);
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + (elapsedMs * this.#rate.perSecond) / 1000);
  }
}

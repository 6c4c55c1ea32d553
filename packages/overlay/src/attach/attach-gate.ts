import type { Rate } from '../token-bucket.ts';

export interface AttachGateLimits {
  /** Attaches whose signatures are checked; the burst comes on top of a second's share. */
  checks: Rate;
  /** How long one waits for its turn at most, ms: less than a softphone's patience (5 s). */
  maxWaitMs: number;
}

/**
 * Three signatures to verify and one to make are about 1 ms of a core (bench/overlay): a tenth of one, however many come. With a
 * burst of half a second nobody ever sees twice the rate in any second.
 */
export const DEFAULT_ATTACH_GATE: AttachGateLimits = {
  checks: { perSecond: 100, burst: 50 },
  maxWaitMs: 3000,
};

/** Latest time that a softphone is told to come back at, ms from now. */
const LAST_RETRY_MS = 30_000;

/**
 * Admission control when everybody comes at once (Skype, 2007 and 2010): attaches are checked at a steady rate, a bounded
 * number waits, and the others are told when to come again, each a turn of its own, so that they do not come back as
 * one crowd. Those who are attached do not notice.
 */
export class AttachGate {
  readonly #intervalMs: number;
  readonly #burstMs: number;
  readonly #maxWaiting: number;
  readonly #waiting = new Set<number>();
  /** Theoretical arrival time of the leaky bucket (GCRA): when all that has passed has been paid for. */
  #paidAtMs: number;
  /** Turns promised to those who were sent away. */
  #promisedAtMs = 0;
  /** Sent away so far. */
  shed = 0;

  constructor(limits: AttachGateLimits, nowMs: number) {
    const { checks, maxWaitMs } = limits;
    this.#intervalMs = 1000 / checks.perSecond;
    this.#burstMs = checks.burst * this.#intervalMs;
    this.#maxWaiting = Math.floor((checks.perSecond * maxWaitMs) / 1000);
    this.#paidAtMs = nowMs;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** How full it is, 0 to 1. */
  get level(): number {
    return this.#maxWaiting === 0 ? 0 : this.#waiting.size / this.#maxWaiting;
  }

  /** Somebody wants to attach: now, in its turn ({@link due}), or later on another connection. */
  handleAttach(connection: number, nowMs: number): 'now' | 'waits' | { retryAfterMs: number } {
    if (this.#waiting.size === 0 && this.#take(nowMs)) return 'now';
    if (this.#waiting.size < this.#maxWaiting) {
      this.#waiting.add(connection);
      return 'waits';
    }
    this.shed++;
    const queueMs = this.#waiting.size * this.#intervalMs;
    this.#promisedAtMs = Math.max(this.#promisedAtMs, nowMs + queueMs) + this.#intervalMs;
    // Beyond the last turn they are spread over all of them: one who is early may be sent away again.
    if (this.#promisedAtMs > nowMs + LAST_RETRY_MS) this.#promisedAtMs = nowMs + queueMs;
    return { retryAfterMs: Math.min(LAST_RETRY_MS, Math.ceil(this.#promisedAtMs - nowMs)) };
  }

  handleDisconnect(connection: number): void {
    this.#waiting.delete(connection);
  }

  /** Whose turn it is. */
  due(nowMs: number): number[] {
    const connections: number[] = [];
    for (const connection of this.#waiting) {
      if (!this.#take(nowMs)) break;
      this.#waiting.delete(connection);
      connections.push(connection);
    }
    return connections;
  }

  /** When {@link due} has somebody; null when nobody waits. */
  get deadline(): number | null {
    return this.#waiting.size === 0 ? null : this.#paidAtMs + this.#intervalMs - this.#burstMs;
  }

  #take(nowMs: number): boolean {
    const paidAtMs = Math.max(this.#paidAtMs, nowMs) + this.#intervalMs;
    if (paidAtMs - nowMs > this.#burstMs + 1e-6) return false;
    this.#paidAtMs = paidAtMs;
    return true;
  }
}

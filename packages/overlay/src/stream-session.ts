import { DatagramType } from '@overcall/wire';
import { IDLE_EXPIRY_MS } from './relay-limits.ts';
import type { DatagramResult } from './relay-table.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

/** Time from the opening of a connection to the first flow bound over it: both parties must have opened it by then. */
const STREAM_BIND_TIMEOUT_MS = 15_000;
/** Datagrams of one connection: two directions of suspicion and copies of one call, with room for a second one. */
const DATAGRAMS: Rate = { perSecond: 300, burst: 300 };
/** Datagrams that lead to nothing. A softphone whose flow has ended sends 50 a second until it notices. */
const USELESS: Rate = { perSecond: 60, burst: 600 };

/** Pings and pongs: a softphone sends ten of each a second while audio flows both ways. */
const CONTROL_FRAMES: Rate = { perSecond: 60, burst: 120 };

/** What becomes of a connection after a datagram. */
export type StreamVerdict = 'keep' | 'admit' | 'close';

/**
 * One connection that carries datagrams: `new` -> a flow is bound over it -> bound -> idle, useless or closed. Whoever is
 * behind it has proven nothing before the first bind, and holds a deadline and three counters.
 */
export class StreamSession {
  readonly #datagrams: TokenBucket;
  readonly #useless: TokenBucket;
  readonly #controlFrames: TokenBucket;
  readonly #bindBeforeMs: number;
  #usefulAtMs: number | null = null;

  constructor(nowMs: number) {
    this.#datagrams = new TokenBucket(DATAGRAMS, nowMs);
    this.#useless = new TokenBucket(USELESS, nowMs);
    this.#controlFrames = new TokenBucket(CONTROL_FRAMES, nowMs);
    this.#bindBeforeMs = nowMs + STREAM_BIND_TIMEOUT_MS;
  }

  get isBound(): boolean {
    return this.#usefulAtMs !== null;
  }

  /** Whether the relay table is to be asked about one more datagram. */
  take(nowMs: number): boolean {
    return this.#datagrams.take(nowMs);
  }

  /** What the relay table made of a datagram; null when it was not asked. */
  handleResult(result: DatagramResult | null, nowMs: number): StreamVerdict {
    const isAck = result?.kind === 'reply' && result.datagram[0] === DatagramType.BindAck;
    if (isAck || (this.isBound && result?.kind === 'forward')) {
      const verdict = this.isBound ? 'keep' : 'admit';
      this.#usefulAtMs = nowMs;
      return verdict;
    }
    return this.#useless.take(nowMs) ? 'keep' : 'close';
  }

  /** A WebSocket ping or pong, which the relay table does not hear of. */
  handleControlFrame(nowMs: number): StreamVerdict {
    return this.#controlFrames.take(nowMs) ? 'keep' : 'close';
  }

  /** Whether it is to be closed: nothing bound in time, or nothing carried for too long. */
  isExpired(nowMs: number): boolean {
    return nowMs >= (this.#usefulAtMs === null ? this.#bindBeforeMs : this.#usefulAtMs + IDLE_EXPIRY_MS);
  }
}

import { COOKIE_BYTES, equalBytes, type FlowId } from '@overcall/wire';
import type { RelaySource } from './relay-flows.ts';

/** What the relay needs from a crypto library. */
export interface RelayCrypto {
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  randomBytes(length: number): Uint8Array;
}

/** A secret makes cookies for this long and is accepted for as long again. */
const COOKIE_SECRET_LIFETIME_MS = 60_000;

/**
 * Stateless cookies that prove a source address, as SYN cookies do: HMAC-SHA-256 under a rotating secret over
 * source address, source port, socket and flow id, truncated to 16 bytes.
 */
export class BindCookies {
  readonly #crypto: RelayCrypto;
  #current: Uint8Array;
  #previous: Uint8Array;
  #rotatedAtMs: number;

  constructor(crypto: RelayCrypto, nowMs: number) {
    this.#crypto = crypto;
    this.#current = crypto.randomBytes(32);
    this.#previous = crypto.randomBytes(32);
    this.#rotatedAtMs = nowMs;
  }

  make(source: RelaySource, flowId: FlowId, nowMs: number): Uint8Array {
    this.#rotate(nowMs);
    return this.#cookie(this.#current, source, flowId);
  }

  verify(cookie: Uint8Array, source: RelaySource, flowId: FlowId, nowMs: number): boolean {
    this.#rotate(nowMs);
    return (
      equalBytes(cookie, this.#cookie(this.#current, source, flowId)) ||
      equalBytes(cookie, this.#cookie(this.#previous, source, flowId))
    );
  }

  #cookie(secret: Uint8Array, source: RelaySource, flowId: FlowId): Uint8Array {
    const input = new TextEncoder().encode(`${source.address} ${source.port} ${source.socket} ${flowId}`);
    return this.#crypto.hmacSha256(secret, input).subarray(0, COOKIE_BYTES);
  }

  #rotate(nowMs: number): void {
    const ageMs = nowMs - this.#rotatedAtMs;
    if (ageMs < COOKIE_SECRET_LIFETIME_MS) return;
    // After a longer silence the current secret is too old to be the previous one.
    this.#previous = ageMs < 2 * COOKIE_SECRET_LIFETIME_MS ? this.#current : this.#crypto.randomBytes(32);
    this.#current = this.#crypto.randomBytes(32);
    this.#rotatedAtMs = nowMs;
  }
}

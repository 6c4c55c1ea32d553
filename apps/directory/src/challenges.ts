import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { refusal } from './api-error.ts';

/**
 * Challenges: a fresh one is `expiry (8 bytes, ms since 1970), random (16), HMAC-SHA-256 over both (16)` in
 * base64url, so that handing one out keeps nothing. One that was used is remembered until it would expire anyway.
 * The HMAC key lives as long as the process, unless it is given one: after a restart no earlier challenge is good, and
 * so none can be used twice.
 */
export const CHALLENGE_LIFETIME_MS = 300_000;
const SIGNED_BYTES = 24;
const MAC_BYTES = 16;
/** Used challenges that are remembered: 330 a second, for as long as they live. About 20 MB. */
const DEFAULT_MAX_USED = 100_000;

/** Hands challenges out and takes each once. */
export interface ChallengeBook {
  issue(): string;
  /**
   * Takes a challenge: good once. Call it when everything else about the request has been checked.
   * @returns when it was given out, ms since 1970
   * @throws OvercallError `nonce-invalid`, or `overloaded` when no more used ones can be remembered
   */
  spend(nonce: string): number | Promise<number>;
}

export class Challenges implements ChallengeBook {
  readonly #key: Uint8Array;
  readonly #now: () => number;
  readonly #maxUsed: number;
  /** Expiry by nonce. */
  readonly #used = new Map<string, number>();

  constructor(now: () => number, maxUsed = DEFAULT_MAX_USED, key: Uint8Array = randomBytes(32)) {
    this.#key = key;
    this.#now = now;
    this.#maxUsed = maxUsed;
  }

  issue(): string {
    const signed = Buffer.alloc(SIGNED_BYTES);
    signed.writeBigUInt64BE(BigInt(this.#now() + CHALLENGE_LIFETIME_MS));
    randomBytes(16).copy(signed, 8);
    return Buffer.concat([signed, this.#mac(signed)]).toString('base64url');
  }

  spend(nonce: string): number {
    const expiresAtMs = this.#expiryOf(nonce);
    if (expiresAtMs === null || expiresAtMs <= this.#now() || this.#used.has(nonce)) {
      throw refusal('nonce-invalid', 'the challenge has expired or was used before');
    }
    if (this.#used.size >= this.#maxUsed) this.#forgetExpired();
    if (this.#used.size >= this.#maxUsed) {
      throw refusal('overloaded', 'the directory is too busy');
    }
    this.#used.set(nonce, expiresAtMs);
    return expiresAtMs - CHALLENGE_LIFETIME_MS;
  }

  #expiryOf(nonce: string): number | null {
    const bytes = Buffer.from(nonce, 'base64url');
    // The second condition: another spelling of the same bytes would count as unused.
    if (bytes.length !== SIGNED_BYTES + MAC_BYTES || bytes.toString('base64url') !== nonce) return null;
    const signed = bytes.subarray(0, SIGNED_BYTES);
    if (!timingSafeEqual(this.#mac(signed), bytes.subarray(SIGNED_BYTES))) return null;
    return Number(signed.readBigUInt64BE());
  }

  #forgetExpired(): void {
    const nowMs = this.#now();
    for (const [nonce, expiresAtMs] of this.#used) if (expiresAtMs <= nowMs) this.#used.delete(nonce);
  }

  #mac(signed: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(signed).digest().subarray(0, MAC_BYTES);
  }
}

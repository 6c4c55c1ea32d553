import { AEAD_TAG_BYTES, type AeadKey, type SessionCrypto } from './crypto.ts';
import type { PacketKey } from './key-schedule.ts';
import { ReplayWindow } from './replay-window.ts';

/**
 * AEAD packets under one {@link PacketKey}. The nonce is the iv with the packet counter (64 bits, big-endian)
 * XORed into its last 8 bytes, as in RFC 8446, 5.3. Counters start at 0 and are never used twice.
 */

/** Counters stay below this, so that they are exact as JavaScript numbers; 178,000 years of audio. */
export const MAX_COUNTER = 2 ** 48;
/** Counters that {@link PacketOpener.openTruncated} tells apart. */
const TRUNCATED_RANGE = 2 ** 16;

function nonceOf(iv: Uint8Array, counter: number): Uint8Array {
  const nonce = iv.slice();
  let rest = counter;
  for (let at = nonce.length - 1; rest > 0; at--) {
    nonce[at]! ^= rest % 256;
    rest = Math.floor(rest / 256);
  }
  return nonce;
}

export class PacketSealer {
  readonly #aead: AeadKey;
  readonly #iv: Uint8Array;
  #next: number;

  /** One sealer for each key, ever: a second one would use its nonces again. `firstCounter` is for tests. */
  constructor(crypto: SessionCrypto, key: PacketKey, firstCounter = 0) {
    this.#next = firstCounter;
    this.#aead = crypto.aead(key.key);
    this.#iv = key.iv.slice();
  }

  /** @throws RangeError when the counters are used up */
  seal(plaintext: Uint8Array, aad: Uint8Array): { counter: number; sealed: Uint8Array } {
    const counter = this.#next;
    if (counter >= MAX_COUNTER) throw new RangeError('packet counters are used up');
    this.#next++;
    return { counter, sealed: this.#aead.seal(nonceOf(this.#iv, counter), plaintext, aad) };
  }
}

/** What became of packets. `replayed` and `tooOld` are by the counter they claimed, before any authentication. */
export interface PacketStats {
  opened: number;
  forged: number;
  replayed: number;
  tooOld: number;
}

/** Opens each authentic packet once, in any order; only authentic packets change its state (beyond `stats`). */
export class PacketOpener {
  readonly stats: PacketStats = { opened: 0, forged: 0, replayed: 0, tooOld: 0 };
  readonly #aead: AeadKey;
  readonly #iv: Uint8Array;
  readonly #window = new ReplayWindow();

  constructor(crypto: SessionCrypto, key: PacketKey) {
    this.#aead = crypto.aead(key.key);
    this.#iv = key.iv.slice();
  }

  /** Opens a packet that carries its whole counter; null when it is forged, seen before or too old. */
  open(counter: number, sealed: Uint8Array, aad: Uint8Array): Uint8Array | null {
    if (!isCounter(counter) || sealed.length < AEAD_TAG_BYTES) {
      this.stats.forged++;
      return null;
    }
    const verdict = this.#window.check(counter);
    if (verdict !== 'new') {
      this.stats[verdict === 'replayed' ? 'replayed' : 'tooOld']++;
      return null;
    }
    const plaintext = this.#aead.open(nonceOf(this.#iv, counter), sealed, aad);
    if (plaintext === null) {
      this.stats.forged++;
      return null;
    }
    this.#window.mark(counter);
    this.stats.opened++;
    return plaintext;
  }

  /** Opens a packet that carries the low 16 bits of its counter: up to 2^15 packets may be lost in a row. */
  openTruncated(
    counterLow: number,
    sealed: Uint8Array,
    aad: Uint8Array,
  ): { counter: number; plaintext: Uint8Array } | null {
    const counter = expandCounter(counterLow, this.#window.highest);
    const plaintext = this.open(counter, sealed, aad);
    return plaintext === null ? null : { counter, plaintext };
  }

  /**
   * Whether a packet that was refused as replayed is a true copy of an authentic one: the same packet that came by two
   * paths, or is being replayed. Changes nothing.
   */
  isRepeat(counterLow: number, sealed: Uint8Array, aad: Uint8Array): boolean {
    const counter = expandCounter(counterLow, this.#window.highest);
    if (!isCounter(counter) || this.#window.check(counter) !== 'replayed') return false;
    return this.#aead.open(nonceOf(this.#iv, counter), sealed, aad) !== null;
  }
}

function isCounter(counter: number): boolean {
  return Number.isInteger(counter) && counter >= 0 && counter < MAX_COUNTER;
}

/** The counter with these low 16 bits that is nearest to the one after `highest` (RFC 9000, A.3). */
export function expandCounter(counterLow: number, highest: number): number {
  const expected = highest + 1;
  const half = TRUNCATED_RANGE / 2;
  const candidate = expected - (expected % TRUNCATED_RANGE) + counterLow;
  if (candidate <= expected - half && candidate < MAX_COUNTER - TRUNCATED_RANGE) {
    return candidate + TRUNCATED_RANGE;
  }
  if (candidate > expected + half && candidate >= TRUNCATED_RANGE) return candidate - TRUNCATED_RANGE;
  return candidate;
}

import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, fromBase64Url } from '@overcall/wire';
import type { SigningPublicKey } from './keys.ts';

/** Hash iterations of a fingerprint, as in Signal's numeric fingerprints: makes near-collisions dear. */
const ITERATIONS = 5200;
const VERSION = 1;

/**
 * The 30 digits of one identity: SHA-512 iterated over version, key and name, cut into six groups of five
 * digits (40 bits each, modulo 100,000), after the numeric fingerprints of Signal. `name` must be canonical.
 */
export function fingerprintDigits(name: string, key: SigningPublicKey): string {
  const keyBytes = fromBase64Url(key.x);
  if (keyBytes === null || keyBytes.length !== 32) throw new RangeError('an Ed25519 key has 32 bytes');
  let hash: Uint8Array = concatBytes(new Uint8Array([0, VERSION]), keyBytes, new TextEncoder().encode(name));
  for (let i = 0; i < ITERATIONS; i++) hash = sha512(concatBytes(hash, keyBytes));
  let digits = '';
  for (let group = 0; group < 6; group++) {
    let value = 0n;
    for (const byte of hash.subarray(group * 5, group * 5 + 5)) value = (value << 8n) | BigInt(byte);
    digits += (value % 100_000n).toString().padStart(5, '0');
  }
  return digits;
}

/** Groups of five digits with spaces between. */
export function formatDigits(digits: string): string {
  return digits.replace(/(\d{5})(?=\d)/g, '$1 ');
}

/** Whether this can be one, with spaces anywhere: all 60 digits. */
export const isSafetyNumber = (text: string): boolean => /^\d{60}$/.test(text.replace(/\s/g, ''));

/** The 60 digits that two people compare: the same on both sides, whatever the order. */
export function safetyNumber(
  a: { name: string; key: SigningPublicKey },
  b: { name: string; key: SigningPublicKey },
): string {
  const halves = [fingerprintDigits(a.name, a.key), fingerprintDigits(b.name, b.key)].sort();
  return formatDigits(halves.join(''));
}

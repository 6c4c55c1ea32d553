import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@overcall/wire';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES } from './crypto.ts';

/** AES-128-GCM key and the base of its nonces, for one direction and one use. */
export interface PacketKey {
  key: Uint8Array;
  iv: Uint8Array;
}

/** Each use has a key and counters of its own: signalling, media, connectivity checks. */
interface DirectionKeys {
  signal: PacketKey;
  media: PacketKey;
  check: PacketKey;
}

export interface CallKeys {
  send: DirectionKeys;
  receive: DirectionKeys;
  /** Noise handshake hash, 64 bytes: the same on both sides of one call and of no other. */
  handshakeHash: Uint8Array;
}

export interface KeyScheduleInput {
  role: 'caller' | 'callee';
  version: number;
  handshakeHash: Uint8Array;
  /** Noise split: the first key is for caller -> callee, the second for callee -> caller. */
  splitKeys: readonly [Uint8Array, Uint8Array];
  kemSecret: Uint8Array;
}

const LABEL = new TextEncoder().encode('overcall call keys');
const DIRECTION = { 'caller->callee': 1, 'callee->caller': 2 } as const;
const USE = { signal: 1, media: 2, check: 3 } as const;

/**
 * HKDF-SHA-256 (RFC 5869): salt = handshake hash, input = both split keys (32 + 32) and the ML-KEM secret (32),
 * info = label(18), version(1), direction(1), use(1); 28 bytes out = key(16), iv(12). An attacker needs the
 * X25519 secrets and the ML-KEM secret to have any of it.
 */
export function deriveCallKeys(input: KeyScheduleInput): CallKeys {
  const secret = concatBytes(...input.splitKeys, input.kemSecret);
  const packetKey = (direction: keyof typeof DIRECTION, use: keyof typeof USE): PacketKey => {
    const info = concatBytes(LABEL, new Uint8Array([input.version, DIRECTION[direction], USE[use]]));
    const bytes = hkdf(sha256, secret, input.handshakeHash, info, AEAD_KEY_BYTES + AEAD_NONCE_BYTES);
    return { key: bytes.slice(0, AEAD_KEY_BYTES), iv: bytes.slice(AEAD_KEY_BYTES) };
  };
  const directionKeys = (direction: keyof typeof DIRECTION): DirectionKeys => ({
    signal: packetKey(direction, 'signal'),
    media: packetKey(direction, 'media'),
    check: packetKey(direction, 'check'),
  });
  const fromCaller = directionKeys('caller->callee');
  const fromCallee = directionKeys('callee->caller');
  secret.fill(0);
  const handshakeHash = input.handshakeHash.slice();
  return input.role === 'caller'
    ? { send: fromCaller, receive: fromCallee, handshakeHash }
    : { send: fromCallee, receive: fromCaller, handshakeHash };
}

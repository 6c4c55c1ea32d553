import { hkdfSync } from 'node:crypto';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { type CallKeys, deriveCallKeys, type KeyScheduleInput } from './key-schedule.ts';

const INPUT: KeyScheduleInput = {
  role: 'caller',
  version: 1,
  handshakeHash: new Uint8Array(64).fill(1),
  splitKeys: [new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)],
  kemSecret: new Uint8Array(32).fill(4),
};
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function packetKeys(keys: CallKeys): string[] {
  return [keys.send, keys.receive].flatMap((direction) =>
    Object.values(direction).map(({ key, iv }) => toHex(key) + toHex(iv)),
  );
}

describe('HKDF-SHA-256', () => {
  it('is that of RFC 5869, A.1', () => {
    const salt = Uint8Array.from({ length: 13 }, (_, i) => i);
    const info = Uint8Array.from({ length: 10 }, (_, i) => 0xf0 + i);
    expect(toHex(hkdf(sha256, new Uint8Array(22).fill(0x0b), salt, info, 42))).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
  });
});

describe('deriveCallKeys', () => {
  it('is HKDF over the documented bytes', () => {
    const secret = Buffer.concat([...INPUT.splitKeys, INPUT.kemSecret]);
    const expected = (direction: number, use: number) => {
      const info = Buffer.concat([Buffer.from('overcall call keys'), Buffer.from([1, direction, use])]);
      return Buffer.from(hkdfSync('sha256', secret, INPUT.handshakeHash, info, 28)).toString('hex');
    };
    expect(packetKeys(deriveCallKeys(INPUT))).toEqual([
      expected(1, 1),
      expected(1, 2),
      expected(1, 3),
      expected(2, 1),
      expected(2, 2),
      expected(2, 3),
    ]);
  });

  it('gives 16-byte keys and 12-byte ivs, no two alike', () => {
    const keys = deriveCallKeys(INPUT);
    expect(new Set(packetKeys(keys)).size).toBe(6);
    expect([keys.send.media.key.length, keys.send.media.iv.length]).toEqual([16, 12]);
  });

  it('mirrors directions between the roles', () => {
    const caller = deriveCallKeys(INPUT);
    const callee = deriveCallKeys({ ...INPUT, role: 'callee' });
    expect(callee).toEqual({ ...caller, send: caller.receive, receive: caller.send });
  });

  it.each<[string, Partial<KeyScheduleInput>]>([
    ['version', { version: 2 }],
    ['handshake hash', { handshakeHash: new Uint8Array(64).fill(9) }],
    ['first split key', { splitKeys: [new Uint8Array(32).fill(9), INPUT.splitKeys[1]] }],
    ['second split key', { splitKeys: [INPUT.splitKeys[0], new Uint8Array(32).fill(9)] }],
    ['order of the split keys', { splitKeys: [INPUT.splitKeys[1], INPUT.splitKeys[0]] }],
    ['ML-KEM secret', { kemSecret: new Uint8Array(32).fill(9) }],
  ])('gives six other keys for another %s', (_, change) => {
    const before = packetKeys(deriveCallKeys(INPUT));
    const after = packetKeys(deriveCallKeys({ ...INPUT, ...change }));
    expect(after.filter((key) => before.includes(key))).toEqual([]);
  });
});

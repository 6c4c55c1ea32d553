import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHECK_BYTES,
  CHECK_DATAGRAM_BYTES,
  type Check,
  readCheck,
  readCheckHeader,
  writeCheck,
  writeCheckDatagram,
} from './check.ts';

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const token = fc.uint8Array({ minLength: 8, maxLength: 8 });
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);
const seen = fc.option(fc.record({ address, port: fc.integer({ min: 0, max: 0xffff }) }));
const anyCheck: fc.Arbitrary<Check> = fc.oneof(
  fc.record({
    kind: fc.constant('ping' as const),
    token,
    sentPackets: uint32,
    misses: fc.boolean(),
    reflexive: seen,
  }),
  fc.record({ kind: fc.constant('pong' as const), token, receivedPackets: uint32, seen }),
);
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const TOKEN = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);

describe('checks', () => {
  it.each<[string, Check, string]>([
    [
      'a ping',
      { kind: 'ping', token: TOKEN, sentPackets: 0x0a0b0c0d, misses: true, reflexive: null },
      `010102030405060708${'0a0b0c0d'}01`.padEnd(64, '0'),
    ],
    [
      'a ping with an address',
      {
        kind: 'ping',
        token: TOKEN,
        sentPackets: 1,
        misses: false,
        reflexive: { address: new Uint8Array(16).fill(0x20), port: 0x1234 },
      },
      `010102030405060708${'00000001'}201234${'20'.repeat(16)}`,
    ],
    [
      'a pong',
      {
        kind: 'pong',
        token: TOKEN,
        receivedPackets: 5,
        seen: { address: new Uint8Array([203, 0, 113, 9]), port: 0x1234 },
      },
      `020102030405060708${'00000005'}041234cb007109`.padEnd(64, '0'),
    ],
    [
      'a pong over a relay',
      { kind: 'pong', token: TOKEN, receivedPackets: 5, seen: null },
      `020102030405060708${'00000005'}`.padEnd(64, '0'),
    ],
  ])('lay %s out as documented', (_, check, expected) => {
    expect(toHex(writeCheck(check))).toBe(expected);
    expect(readCheck(new Uint8Array(Buffer.from(expected, 'hex')))).toEqual(check);
  });

  it('are read back', () => {
    fc.assert(
      fc.property(anyCheck, (check) => {
        expect(readCheck(writeCheck(check))).toEqual(check);
      }),
    );
  });

  it('are null for anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2 * CHECK_BYTES }), (bytes) => {
        const check = readCheck(bytes);
        if (bytes.length !== CHECK_BYTES || (bytes[0] !== 1 && bytes[0] !== 2)) expect(check).toBeNull();
      }),
    );
  });

  it('have one size with their header', () => {
    const datagram = writeCheckDatagram(0x01020304, 0x05060708, new Uint8Array(CHECK_BYTES + 16));
    expect(datagram).toHaveLength(CHECK_DATAGRAM_BYTES);
    expect(toHex(datagram.subarray(0, 9))).toBe('050102030405060708');
    expect(readCheckHeader(datagram)).toEqual({ flowId: 0x01020304, counter: 0x05060708 });
    expect(readCheckHeader(datagram.subarray(1))).toBeNull();
    expect(readCheckHeader(new Uint8Array(CHECK_DATAGRAM_BYTES))).toBeNull();
  });
});

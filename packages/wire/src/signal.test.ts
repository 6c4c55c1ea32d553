import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asCallMessage, readSignalBody, type SignalBody, SignalType, writeSignalBody } from './signal.ts';

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength });
const version = fc.integer({ min: 0, max: 255 });
const anyBody: fc.Arbitrary<SignalBody> = fc.oneof(
  fc.record({
    type: fc.constant(SignalType.Invite),
    versions: fc.array(version, { minLength: 1, maxLength: 16 }),
    noise: bytes(200),
  }),
  fc.record({ type: fc.constant(SignalType.InviteReply), noise: bytes(200) }),
  fc.record({
    type: fc.constant(SignalType.Sealed),
    counter: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    sealed: bytes(200, 16),
  }),
);

describe('signal bodies', () => {
  it.each<[string, SignalBody, string]>([
    ['an invite', { type: 1, versions: [1, 2], noise: new Uint8Array([0xaa, 0xbb]) }, '01020102aabb'],
    ['an invite reply', { type: 2, noise: new Uint8Array([0xcc]) }, '02cc'],
    [
      'a sealed message',
      { type: 3, counter: 0x0102030405060708n, sealed: new Uint8Array(16).fill(0xdd) },
      `030102030405060708${'dd'.repeat(16)}`,
    ],
  ])('lay %s out as documented', (_, body, expected) => {
    expect(toHex(writeSignalBody(body))).toBe(expected);
    expect(readSignalBody(new Uint8Array(Buffer.from(expected, 'hex')))).toEqual(body);
  });

  it('are read back', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        expect(readSignalBody(writeSignalBody(body))).toEqual(body);
      }),
    );
  });

  it('share no memory with what they were read from', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        const encoded = writeSignalBody(body);
        const read = readSignalBody(encoded);
        encoded.fill(0);
        expect(read).toEqual(body);
      }),
    );
  });

  it('refuse what is cut short or has no or too many versions', () => {
    const refused = [
      '',
      '00',
      '04',
      'ff',
      '01',
      '0100',
      '010201',
      `0111${'01'.repeat(17)}`,
      `03${'00'.repeat(23)}`,
    ];
    for (const text of refused) expect(readSignalBody(new Uint8Array(Buffer.from(text, 'hex')))).toBeNull();
  });

  it('never throw, and write again what they read', () => {
    fc.assert(
      fc.property(bytes(120), fc.integer({ min: 0, max: 5 }), (rest, type) => {
        const encoded = new Uint8Array([type, ...rest]);
        const body = readSignalBody(encoded);
        if (body !== null) expect(writeSignalBody(body)).toEqual(encoded);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('call messages', () => {
  const KNOWN = ['confirm', 'ping', 'ringing', 'accept', 'decline', 'busy', 'cancel', 'hangup'];
  it.each(KNOWN)('%s is known, with unknown fields too', (t) => {
    expect(asCallMessage({ t })).toEqual({ t });
    expect(asCallMessage({ t, later: [1] })).not.toBeNull();
  });

  it.each<[unknown]>([
    [null],
    [undefined],
    [1],
    ['accept'],
    [[]],
    [{}],
    [{ t: 'Accept' }],
    [{ t: ['accept'] }],
  ])('%j is none', (value) => {
    expect(asCallMessage(value)).toBeNull();
  });

  it('bounds the reason of a cancel', () => {
    expect(asCallMessage({ t: 'cancel', reason: 'x'.repeat(64) })).not.toBeNull();
    expect(asCallMessage({ t: 'cancel', reason: 'x'.repeat(65) })).toBeNull();
    expect(asCallMessage({ t: 'cancel', reason: 1 })).toBeNull();
  });

  it.each<[string, unknown]>([
    ['state', { t: 'state', seq: 1, muted: true, held: false }],
    ['keys', { t: 'keys', first: 0, keys: '0123456789*#ABCD' }],
  ])('%s is known as it stands in docs/wire.md', (_name, message) => {
    expect(asCallMessage(message)).toEqual(message);
  });

  it.each<[unknown]>([
    [{ t: 'state', seq: 1, muted: 1, held: false }],
    [{ t: 'state', seq: -1, muted: true, held: false }],
    [{ t: 'keys', first: 0, keys: '' }],
    [{ t: 'keys', first: 0, keys: 'a' }],
    [{ t: 'keys', first: 0, keys: '1'.repeat(33) }],
    [{ t: 'keys', first: 2 ** 32, keys: '1' }],
  ])('%j is none', (value) => {
    expect(asCallMessage(value)).toBeNull();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const message = asCallMessage(value);
        if (message !== null) expect(KNOWN).toContain(message.t);
      }),
    );
  });
});

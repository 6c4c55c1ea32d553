import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MediaKind, type MediaPayload, readMediaPayload, writeMediaPayload } from './media-payload.ts';

const audio = fc.record({
  kind: fc.constant(MediaKind.Audio),
  frameLow: fc.integer({ min: 0, max: 0xffff }),
  opus: fc.uint8Array({ minLength: 1, maxLength: 200 }),
});
const anyPayload: fc.Arbitrary<MediaPayload> = fc.oneof(
  audio,
  fc.constant<MediaPayload>({ kind: MediaKind.Bye }),
);
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('media payloads', () => {
  it.each<[string, MediaPayload, string]>([
    ['audio', { kind: 1, frameLow: 0x1234, opus: new Uint8Array([0xaa, 0xbb]) }, '011234aabb'],
    ['a bye', { kind: 3 }, '03'],
  ])('lay %s out as documented', (_, payload, expected) => {
    expect(toHex(writeMediaPayload(payload))).toBe(expected);
    expect(readMediaPayload(new Uint8Array(Buffer.from(expected, 'hex')))).toEqual(payload);
  });

  it('are read back, padded or not', () => {
    fc.assert(
      fc.property(anyPayload, fc.integer({ min: 0, max: 120 }), (payload, minimumBytes) => {
        const bytes = writeMediaPayload(payload, minimumBytes);
        expect(readMediaPayload(bytes)).toEqual(payload);
        if (payload.kind !== MediaKind.Audio) expect(bytes.length).toBeGreaterThanOrEqual(minimumBytes);
      }),
    );
  });

  it('have the size of audio when they are padded to it', () => {
    const size = writeMediaPayload({ kind: 1, frameLow: 0, opus: new Uint8Array(60) }).length;
    expect(size).toBe(63);
    expect(writeMediaPayload({ kind: 3 }, size).length).toBe(size);
  });

  it('keep the low bits of frame numbers that have grown beyond them', () => {
    const frame = writeMediaPayload({ kind: 1, frameLow: 65_536 + 7, opus: new Uint8Array(1) });
    expect(readMediaPayload(frame)).toMatchObject({ frameLow: 7 });
  });

  it('that are unknown or too short are nothing, and no bytes make the reader throw', () => {
    for (const text of ['', '00', '04ffff', 'ff', '01', '0100', '010000', '02', `02${'00'.repeat(23)}`]) {
      expect(readMediaPayload(new Uint8Array(Buffer.from(text, 'hex')))).toBeNull();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const payload = readMediaPayload(bytes);
        if (payload !== null) expect(payload.kind).toBe(bytes[0]);
      }),
      { numRuns: 1000 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AudioPayload,
  MediaKind,
  type MediaPayload,
  readMediaPayload,
  writeMediaPayload,
} from './media-payload.ts';

const opus = fc.uint8Array({ minLength: 1, maxLength: 200 });
const frameLow = fc.integer({ min: 0, max: 0xffff });
const plain = fc.record<AudioPayload>({
  kind: fc.constant(MediaKind.Audio),
  frameLow,
  opus,
  copies: fc.constant([]),
  report: fc.constant(null),
});
/** Values that the units of a report can say. */
const report = fc.record({
  lossShare: fc.integer({ min: 0, max: 255 }).map((n) => n / 255),
  meanBurst: fc.integer({ min: 0, max: 255 }).map((n) => n / 10),
  queueMs: fc.integer({ min: 0, max: 255 }).map((n) => n * 4),
  kbitPerS: fc.integer({ min: 0, max: 255 }),
});
const reporting = fc.record<AudioPayload>({
  kind: fc.constant(MediaKind.Audio),
  frameLow,
  opus,
  copies: fc.array(fc.record({ distance: fc.integer({ min: 1, max: 255 }), opus }), { maxLength: 8 }),
  report,
});
const anyPayload: fc.Arbitrary<MediaPayload> = fc.oneof(
  plain,
  reporting,
  fc.constant<MediaPayload>({ kind: MediaKind.Bye }),
);
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const audio = (fields: Partial<AudioPayload>): AudioPayload => ({
  kind: MediaKind.Audio,
  frameLow: 0x1234,
  opus: Uint8Array.of(0xaa, 0xbb),
  copies: [],
  report: null,
  ...fields,
});
const REPORT = { lossShare: 0.2, meanBurst: 1.5, queueMs: 40, kbitPerS: 46 };

describe('media payloads', () => {
  it.each<[string, MediaPayload, string]>([
    ['audio', audio({}), '011234aabb'],
    ['audio with a report', audio({ report: REPORT }), '021234330f0a2e0002aabb'],
    [
      'audio with earlier frames',
      audio({ report: REPORT, copies: [{ distance: 4, opus: Uint8Array.of(0xcc) }] }),
      '021234330f0a2e0401cc0002aabb',
    ],
    ['a pause', audio({ opus: new Uint8Array(0), report: REPORT }), '041234330f0a2e'],
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
        const isPadded = payload.kind === MediaKind.Bye || payload.report !== null;
        if (isPadded) expect(bytes.length).toBeGreaterThanOrEqual(minimumBytes);
      }),
    );
  });

  it('have the size of audio when they are padded to it, with a report too', () => {
    const size = writeMediaPayload(audio({ opus: new Uint8Array(60) })).length;
    expect(size).toBe(63);
    expect(writeMediaPayload({ kind: 3 }, size).length).toBe(size);
    expect(writeMediaPayload(audio({ opus: new Uint8Array(54), report: REPORT }), size).length).toBe(size);
  });

  it('say the most they can where a report goes beyond', () => {
    const bytes = writeMediaPayload(
      audio({ report: { lossShare: 2, meanBurst: 99, queueMs: 5000, kbitPerS: -1 } }),
    );
    expect(readMediaPayload(bytes)).toMatchObject({
      report: { lossShare: 1, meanBurst: 25.5, queueMs: 1020, kbitPerS: 0 },
    });
  });

  it('hold no more earlier frames than are used, whatever the sender says', () => {
    const copies = Array.from({ length: 30 }, (_, i) => ({ distance: i + 1, opus: Uint8Array.of(i) }));
    const read = readMediaPayload(writeMediaPayload(audio({ report: REPORT, copies })));
    expect(read).toMatchObject({ opus: Uint8Array.of(0xaa, 0xbb), copies: copies.slice(0, 8) });
  });

  it('keep the low bits of frame numbers that have grown beyond them', () => {
    const frame = writeMediaPayload(audio({ frameLow: 65_536 + 7 }));
    expect(readMediaPayload(frame)).toMatchObject({ frameLow: 7 });
  });

  it('that are unknown or too short are nothing, and no bytes make the reader throw', () => {
    const broken = [
      '',
      '00',
      '05ffff',
      '04ffff',
      '041234330f0a',
      'ff',
      '01',
      '0100',
      '010000',
      '02',
      `02${'00'.repeat(23)}`,
    ];
    // Without audio of their own; a block that is longer than what is left.
    broken.push('0212340000000001', '02123400000000', '021234000000000401cc', '0212340000000000ffaa');
    for (const text of broken) expect(readMediaPayload(new Uint8Array(Buffer.from(text, 'hex')))).toBeNull();
    const bytes = fc.uint8Array({ maxLength: 100 });
    const almost = bytes.map((rest) => Uint8Array.of(2, ...rest));
    fc.assert(
      fc.property(fc.oneof(bytes, almost), (any) => {
        const payload = readMediaPayload(any);
        if (payload !== null)
          expect(payload.kind).toBe(any[0] === 2 || any[0] === 4 ? MediaKind.Audio : any[0]);
        if (payload?.kind === MediaKind.Audio) expect(payload.copies.length).toBeLessThanOrEqual(8);
      }),
      { numRuns: 1000 },
    );
  });
});

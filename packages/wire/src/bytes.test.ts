import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  concatBytes,
  equalBytes,
  fromBase64Url,
  isBase64Url,
  putUint16,
  putUint32,
  toBase64Url,
  uint16At,
  uint32At,
  viewOf,
} from './bytes.ts';

describe('base64url', () => {
  // RFC 4648, section 10, without padding; the last one shows the URL-safe characters.
  it.each([
    ['', ''],
    ['f', 'Zg'],
    ['fo', 'Zm8'],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg'],
    ['fooba', 'Zm9vYmE'],
    ['foobar', 'Zm9vYmFy'],
    ['\u00fb\u00ff\u00bf', '-_-_'],
  ])('of %j is %j', (text, encoded) => {
    const bytes = new Uint8Array(Buffer.from(text, 'latin1'));
    expect(toBase64Url(bytes)).toBe(encoded);
    expect(fromBase64Url(encoded)).toEqual(bytes);
  });

  it("is Node's, both ways", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64url');
        expect(toBase64Url(bytes)).toBe(text);
        expect(fromBase64Url(text)).toEqual(bytes);
      }),
    );
  });

  it('has one text for each value: anything else is refused', () => {
    for (const text of [
      'A',
      'AAAAA',
      'Zh',
      'Zm9=',
      'Zm9v=',
      'Zm+v',
      'Zm/v',
      'Zm 9v',
      'Zm9v\n',
      'é',
      '\u{1f600}',
    ]) {
      expect(fromBase64Url(text)).toBeNull();
      expect(isBase64Url(text)).toBe(false);
    }
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.stringMatching(/^[\w-]*$/)), (text) => {
        const bytes = fromBase64Url(text);
        expect(isBase64Url(text)).toBe(bytes !== null);
        if (bytes !== null) expect(toBase64Url(bytes)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('byte arrays', () => {
  it('concatenate', () => {
    expect(concatBytes()).toEqual(new Uint8Array(0));
    expect(concatBytes(new Uint8Array([1]), new Uint8Array(0), new Uint8Array([2, 3]))).toEqual(
      new Uint8Array([1, 2, 3]),
    );
  });

  it('are equal only when every byte is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), (bytes, at) => {
        const other = bytes.slice();
        expect(equalBytes(bytes, other)).toBe(true);
        other[at % other.length]! ^= 1 << (at % 8);
        expect(equalBytes(bytes, other)).toBe(false);
        expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
      }),
    );
  });

  it('are viewed where they begin', () => {
    const outer = new Uint8Array([9, 1, 2, 3, 9]);
    const view = viewOf(outer.subarray(1, 4));
    expect([view.getUint8(0), view.byteLength]).toEqual([1, 3]);
  });
});

it('writes and reads numbers as a DataView does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 3 }), (value, at) => {
      const [bytes, same] = [new Uint8Array(8), new Uint8Array(8)];
      putUint32(bytes, at, value);
      viewOf(same).setUint32(at, value);
      expect(bytes).toEqual(same);
      expect(uint32At(bytes, at)).toBe(value);
      putUint16(bytes, at, value & 0xffff);
      viewOf(same).setUint16(at, value);
      expect(bytes).toEqual(same);
      expect(uint16At(bytes, at)).toBe(value & 0xffff);
    }),
  );
});

import { toBase64Url } from '@overcall/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signingPublicKey } from './keys.ts';
import { fingerprintDigits, formatDigits, safetyNumber } from './safety-number.ts';

const keyOf = (fill: number) => signingPublicKey(toBase64Url(new Uint8Array(32).fill(fill)));
const alice = { name: 'alice', key: keyOf(1) };
const bob = { name: 'bob', key: keyOf(2) };

describe('safetyNumber', () => {
  it('is what it always was for alice and bob', () => {
    expect(safetyNumber(alice, bob)).toBe(
      '46666 70434 47123 47902 28717 88796 93357 79107 75712 46733 85256 94809',
    );
  });

  it('is 60 digits, the same from both sides', () => {
    const person = fc.record({
      name: fc.string({ minLength: 1, maxLength: 32 }),
      key: fc
        .uint8Array({ minLength: 32, maxLength: 32 })
        .map((bytes) => signingPublicKey(toBase64Url(bytes))),
    });
    fc.assert(
      fc.property(person, person, (a, b) => {
        expect(safetyNumber(a, b)).toBe(safetyNumber(b, a));
        expect(safetyNumber(a, b)).toMatch(/^(\d{5} ){11}\d{5}$/);
      }),
      { numRuns: 5 },
    );
  });

  it('changes with the key and with the name', () => {
    expect(safetyNumber(alice, { ...bob, key: keyOf(3) })).not.toBe(safetyNumber(alice, bob));
    expect(safetyNumber(alice, { ...bob, name: 'bob2' })).not.toBe(safetyNumber(alice, bob));
  });

  it('refuses a key that is not 32 bytes', () => {
    expect(() => fingerprintDigits('alice', signingPublicKey('AAAA'))).toThrow(RangeError);
  });

  it('groups digits by five', () => {
    expect(formatDigits('123456789012345')).toBe('12345 67890 12345');
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { extendFrameNumber } from './frame-number.ts';

test('a truncated number is extended to the nearest one, also across a wrap', () => {
  expect(extendFrameNumber(5, 65_530)).toBe(65_541);
  expect(extendFrameNumber(65_530, 65_541)).toBe(65_530);
  expect(extendFrameNumber(65_535, 3)).toBe(65_535);
});

test('any number less than 2^15 away from the reference comes back', () => {
  const distance = fc.integer({ min: -32_767, max: 32_767 });
  fc.assert(
    fc.property(fc.integer({ min: 40_000, max: 2 ** 40 }), distance, (reference, delta) => {
      expect(extendFrameNumber((reference + delta) % 65_536, reference)).toBe(reference + delta);
    }),
  );
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { drawn } from './drawn.ts';

/** All of [0, 1), its ends included. */
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

it('draws as many as there are to draw, none of them twice', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat()), fc.nat(12), fc.infiniteStream(chance), (items, count, chances) => {
      const before = [...items];
      const taken = drawn(items, count, () => chances.next().value!);
      expect(taken).toHaveLength(Math.min(count, items.length));
      expect(new Set(taken).size).toBe(taken.length);
      expect(items).toEqual(expect.arrayContaining(taken));
      expect(items).toEqual(before);
    }),
  );
});

it('leaves which ones to chance', () => {
  const lot = (at: number) => drawn(['a', 'b', 'c', 'd'], 2, () => at);
  expect([lot(0), lot(0.5), lot(0.99)]).toEqual([
    ['a', 'b'],
    ['c', 'b'],
    ['d', 'c'],
  ]);
});

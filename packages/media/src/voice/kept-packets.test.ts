import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeptPackets } from './kept-packets.ts';

const opus = new Uint8Array([1]);

test('whatever comes, 150 packets are kept at most, and those are the latest', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(2000), { minLength: 151, maxLength: 400 }), (numbers) => {
      const kept = new KeptPackets();
      for (const number of numbers) kept.keep(number, { opus, frames: 1 });
      expect(kept.size).toBe(150);
      // The earliest goes whenever there is one too many, so the lowest of those left is among the 150 highest.
      const highest = numbers.toSorted((a, b) => b - a).slice(0, 150);
      expect(kept.earliest(Number.NEGATIVE_INFINITY)).toBe(highest.at(-1));
    }),
  );
});

test('a packet is kept once; what was played is known until 256 others were', () => {
  const kept = new KeptPackets();
  expect([kept.keep(7, { opus, frames: 1 }), kept.keep(7, { opus, frames: 1 })]).toEqual([true, false]);
  expect(kept.take(7).opus).toBe(opus);
  expect(kept.knows(7)).toBe(false);
  kept.notePlayed(7);
  expect([kept.has(7), kept.knows(7)]).toEqual([false, true]);
  for (let number = 8; number < 8 + 256; number++) kept.notePlayed(number);
  expect(kept.knows(7)).toBe(false);
});

test('what is outside a range is thrown away, and counted in frames', () => {
  const kept = new KeptPackets();
  for (const number of [10, 13, 16, 19]) kept.keep(number, { opus, frames: 3 });
  expect(kept.keepWithin(13, 16)).toBe(6);
  expect([kept.has(10), kept.has(13), kept.has(16), kept.has(19)]).toEqual([false, true, true, false]);
  expect([kept.earliest(0), kept.earliest(14), kept.earliest(17)]).toEqual([13, 16, null]);
});

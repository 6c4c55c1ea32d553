import { expect, it } from 'vitest';
import { fullJitter, quarterJitter } from './jitter.ts';

it('has a time that recurs come a quarter earlier or later at most', () => {
  const at = (chance: number) => quarterJitter(60_000, () => chance);
  expect([at(0), at(0.5), at(1)]).toEqual([45_000, 60_000, 75_000]);
});

it.each([
  [0, 1000],
  [1, 1000],
  [2, 2000],
  [3, 4000],
  [9, 5000],
])('doubles the bound with each failure up to the last one (%d)', (failures, boundMs) => {
  const at = (chance: number) => fullJitter({ firstMs: 1000, lastMs: 5000 }, failures, () => chance);
  expect([at(0), at(0.5), at(1)]).toEqual([0, boundMs / 2, boundMs]);
});

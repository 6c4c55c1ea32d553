import { expect, it } from 'vitest';
import { median, percentile } from './percentile.ts';

it('is the value at the nearest rank, whatever the order, and the order stays', () => {
  const values = [15, 50, 20, 40, 35];
  expect([0, 0.05, 0.3, 0.4, 0.5, 1].map((share) => percentile(values, share))).toEqual([
    15, 15, 20, 20, 35, 50,
  ]);
  expect(values).toEqual([15, 50, 20, 40, 35]);
});

it('takes figures as such, never to come included, and is no number of nothing', () => {
  expect(percentile([100, 9, Number.POSITIVE_INFINITY], 0.5)).toBe(100);
  expect(percentile(Float64Array.of(2, 1), 1)).toBe(2);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([])).toBeNaN();
});

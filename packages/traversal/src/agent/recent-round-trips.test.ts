import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentRoundTrips } from './recent-round-trips.ts';

const after = (samplesMs: readonly number[]) => {
  const roundTrips = new RecentRoundTrips();
  for (const sampleMs of samplesMs) roundTrips.note(sampleMs);
  return roundTrips;
};

test('nothing is known before the first sample', () => {
  expect(after([]).medianMs).toBeNull();
  expect(after([]).spreadMs).toBe(0);
});

test('two late answers among five say nothing, wherever they are', () => {
  const late = fc.subarray([0, 1, 2, 3, 4], { maxLength: 2 });
  fc.assert(
    fc.property(late, fc.double({ min: 100, max: 5000, noNaN: true }), (at, lateMs) => {
      const { medianMs, spreadMs } = after([0, 1, 2, 3, 4].map((i) => (at.includes(i) ? lateMs : 20)));
      expect([medianMs, spreadMs]).toEqual([20, 0]);
    }),
  );
});

test('a path that became slower is known to be after three samples', () => {
  expect(after([20, 20, 20, 20, 20, 200, 200, 200]).medianMs).toBe(200);
});

test('jitter is spread', () => {
  expect(after([10, 60, 20, 80, 30]).spreadMs).toBe(20);
});

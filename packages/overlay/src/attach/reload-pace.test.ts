import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ReloadPace } from './reload-pace.ts';

/** When it asks, if it is told of a failure each 100 ms. */
function asked(pace: ReloadPace, fromMs: number, toMs: number): number[] {
  const times: number[] = [];
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 100) if (pace.take(nowMs)) times.push(nowMs);
  return times;
}

it('asks at once, then after pauses that double up to a minute', () => {
  const pace = new ReloadPace(() => 0.5);
  const s = 1000;
  expect(asked(pace, 0, 250 * s)).toEqual([
    0,
    s,
    3 * s,
    7 * s,
    15 * s,
    31 * s,
    63 * s,
    123 * s,
    183 * s,
    243 * s,
  ]);
});

it('begins anew when a supernode took us, but not before the pause is over', () => {
  const pace = new ReloadPace(() => 0.5);
  expect(asked(pace, 0, 8000)).toEqual([0, 1000, 3000, 7000]);
  pace.reset();
  expect(asked(pace, 8000, 18_100)).toEqual([15_000, 16_000, 18_000]);
});

it('spreads each pause by half', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.nat(1e6),
      (random, startMs) => {
        const pace = new ReloadPace(() => random);
        let nowMs = startMs;
        for (let pauseMs = 1000; pauseMs <= 64_000; pauseMs *= 2) {
          expect(pace.take(nowMs)).toBe(true);
          const most = Math.min(pauseMs, 60_000);
          expect(pace.take(nowMs + most * 0.5 - 1)).toBe(false);
          nowMs += most * 1.5;
        }
      },
    ),
  );
});

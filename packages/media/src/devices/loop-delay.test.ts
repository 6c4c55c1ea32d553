import { expect, test } from 'vitest';
import { findChirp, levelOf, makeChirp } from './loop-delay.ts';

/** Seeded noise, -1 to 1. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function room(delayMs: number, gain: number, noiseLevel: number): Int16Array {
  const chirp = makeChirp();
  const random = noise(7);
  const recorded = Int16Array.from({ length: 48_000 }, () => noiseLevel * random());
  const at = Math.round(delayMs * 48);
  for (let i = 0; i < chirp.length; i++) recorded[at + i]! += gain * chirp[i]!;
  return recorded;
}

test.each([
  0, 37.5, 120, 400,
])('a chirp that comes back after %d ms is found to a quarter of a millisecond', (delayMs) => {
  expect(Math.abs(findChirp(room(delayMs, 0.05, 300))! - delayMs)).toBeLessThan(0.25);
});

test('noise and silence hold no chirp', () => {
  expect(findChirp(room(100, 0, 3000))).toBeNull();
  expect(findChirp(new Int16Array(48_000))).toBeNull();
});

test('levels are those of full scale, half of it, and nothing', () => {
  expect(levelOf(new Int16Array(960).fill(-32_768))).toEqual({ rmsDb: 0, peakDb: 0, clippedPct: 100 });
  expect(levelOf(new Int16Array(960).fill(16_384)).rmsDb).toBeCloseTo(-6.02, 2);
  expect(levelOf(new Int16Array(960))).toEqual({ rmsDb: null, peakDb: null, clippedPct: 0 });
});

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { spoken } from '../sound.test-support.ts';
import { EchoReturn, solveToeplitz } from './echo-return.ts';

const RATE = 48_000;
const BLOCK = 480;

/** Feeds both sides in blocks of 10 ms; the seconds after which echo was told, or null. */
function listen(played: Float32Array, heard: Float32Array, echo = new EchoReturn()): number | null {
  for (let at = 0; at + BLOCK <= heard.length; at += BLOCK) {
    echo.handlePlayed(played.subarray(at, at + BLOCK));
    if (echo.handleHeard(heard.subarray(at, at + BLOCK))) return (at + BLOCK) / RATE;
  }
  return null;
}

/** Heard after so many ms, then again a little later and weaker, twice. */
function echoOf(far: Float32Array, delayMs: number, gain: number): Float32Array {
  const at = (i: number) => far[i] ?? 0;
  return far.map((_, i) => {
    const direct = i - delayMs * 48;
    return gain * (at(direct) - 0.5 * at(direct - 130) + 0.25 * at(direct - 400));
  });
}

describe('what is heard', () => {
  let alice: Float32Array;
  let bob: Float32Array;
  beforeAll(async () => {
    const floats = async (name: 'alice' | 'bob') =>
      Float32Array.from(await spoken(name), (sample) => sample / 32_768);
    [alice, bob] = [await floats('alice'), await floats('bob')];
  });

  test('is told for echo within 1 s of speech, at any delay up to 450 ms, loud or not, either way round', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 450 }),
        fc.constantFrom(1, -1, 0.1, -0.03),
        fc.integer({ min: 2, max: 8 }),
        (delayMs, gain, fromS) => {
          const far = alice.subarray(fromS * RATE, (fromS + 3) * RATE);
          expect(listen(far, echoOf(far, delayMs, gain))).toBeLessThan(delayMs / 1000 + 1);
        },
      ),
      { numRuns: 12 },
    );
  });

  test('is no echo where it is another voice, nor silence, nor what leaks out of headphones', () => {
    for (const [played, heard] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      expect(listen(played, heard.subarray(0, 11 * RATE))).toBeNull();
      expect(listen(heard, new Float32Array(3 * RATE))).toBeNull();
      expect(listen(new Float32Array(heard.length), heard)).toBeNull();
      expect(listen(played, echoOf(played, 20, 10 ** (-55 / 20)).subarray(0, 5 * RATE))).toBeNull();
    }
  });

  test.each([
    ['the microphone was away for a second', 100, 0],
    ['the loudspeaker was late once, by 150 ms', 0, 15],
  ])('is told for echo though %s before', (_what, onlyPlayed, onlyHeard) => {
    const echo = new EchoReturn();
    const far = alice.subarray(2 * RATE, 5 * RATE);
    const blocks = (samples: Float32Array, count: number) =>
      Array.from({ length: count }, (_, i) => samples.subarray(i * BLOCK, (i + 1) * BLOCK));
    for (const block of blocks(far, 100)) {
      echo.handlePlayed(block);
      echo.handleHeard(new Float32Array(BLOCK));
    }
    for (let i = 0; i < onlyHeard; i++) echo.handleHeard(new Float32Array(BLOCK));
    for (const block of blocks(far, onlyPlayed + onlyHeard)) echo.handlePlayed(block);
    for (const block of blocks(far, 100)) {
      echo.handlePlayed(block);
      echo.handleHeard(new Float32Array(BLOCK));
    }
    expect(listen(far, echoOf(far, 40, 0.5), echo)).toBeLessThan(1);
  });

  test('is told for echo though as loud a voice is near', () => {
    const far = alice.subarray(2 * RATE, 7 * RATE);
    const both = echoOf(far, 80, 0.5).map((x, i) => x + bob[i]!);
    expect(listen(far, both)).toBeLessThan(2);
  });
});

test('a Toeplitz system is solved', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }),
      (values) => {
        // Diagonally dominant, so positive definite.
        const own = Float64Array.from(values, (value, i) => (i === 0 ? values.length * 2 : value));
        const wanted = Float64Array.from(values, (value, i) => value + i);
        const solution = solveToeplitz(own, wanted);
        for (let row = 0; row < values.length; row++) {
          const sum = solution.reduce((all, x, column) => all + x * own[Math.abs(row - column)]!, 0);
          expect(sum).toBeCloseTo(wanted[row]!, 8);
        }
      },
    ),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EchoPresence } from './echo-presence.ts';

const power = (db: number) => 10 ** (db / 10);
const HISS_DB = -68;
const SECOND = 100;

/** Feeds blocks of 10 ms, dB of full scale; whether no echo was proven after each. */
function judge(
  blocks: number,
  playedDb: (i: number) => number,
  heardDb: (i: number) => number,
  presence = new EchoPresence(),
): boolean[] {
  return Array.from({ length: blocks }, (_, i) => {
    presence.handlePlayed(power(playedDb(i)));
    presence.handleHeard(power(heardDb(i)));
    return presence.isAbsent;
  });
}

const talk = () => -18;
const hiss = () => HISS_DB;

test('headphones are found out within 1 s of loud talk, and a quiet one, or a room, never', () => {
  expect(judge(SECOND, talk, hiss).indexOf(true)).toBe(SECOND - 1);
  expect(judge(10 * SECOND, () => -35, hiss)).not.toContain(true);
  expect(judge(10 * SECOND, talk, () => -50)).not.toContain(true);
});

test('a microphone that is switched off proves nothing', () => {
  expect(judge(10 * SECOND, talk, () => Number.NEGATIVE_INFINITY)).not.toContain(true);
});

test('a proof holds while who is near speaks, for 3 s in which something is played', () => {
  const presence = new EchoPresence();
  judge(SECOND, talk, hiss, presence);
  // Nothing is played for a while, and that costs nothing.
  expect(judge(10 * SECOND, () => -80, talk, presence)).not.toContain(false);
  const later = judge(5 * SECOND, talk, talk, presence);
  expect(later.indexOf(false)).toBeGreaterThanOrEqual(2.8 * SECOND);
  expect(later.indexOf(false)).toBeLessThanOrEqual(3 * SECOND);
});

test('echo that was heard ends a proof at once, and the next one takes a second again', () => {
  const presence = new EchoPresence();
  judge(SECOND, talk, hiss, presence);
  presence.handleEcho();
  expect(presence.isAbsent).toBe(false);
  expect(judge(2 * SECOND, talk, hiss, presence).indexOf(true)).toBe(SECOND - 1);
});

test('an echo of up to 500 ms that anybody would hear is never taken for none, whatever is played', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -70, max: -5 }), { minLength: 8, maxLength: 40 }),
      fc.integer({ min: 0, max: 50 }),
      fc.integer({ min: -41, max: 0 }),
      (levelsDb, lateBlocks, gainDb) => {
        // Syllables of 80 ms.
        const played = (i: number) => levelsDb[Math.floor(i / 8)] ?? -90;
        const heard = (i: number) =>
          Math.max(HISS_DB, i < lateBlocks ? -90 : played(i - lateBlocks) + gainDb);
        expect(judge(levelsDb.length * 8, played, heard)).not.toContain(true);
      },
    ),
  );
});

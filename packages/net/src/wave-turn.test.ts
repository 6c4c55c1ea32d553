import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PATIENCE_MS, TURN_MS, WaveTurn } from './wave-turn.ts';

it('fetches a wave to its end, and gives the event loop back where the next one is not near', () => {
  const turn = new WaveTurn();
  turn.begin(10);
  expect(turn.next(64, 10.2)).toBe('fetch');
  expect(turn.next(3, 10.3)).toBe('fetch');
  expect(turn.next(0, 10.31)).toBe('end');
  // Half a millisecond later: a few hundred packets a second.
  turn.begin(10.8);
  expect(turn.next(1, 10.81)).toBe('fetch');
  expect(turn.next(0, 10.82)).toBe('end');
});

it('waits for the next one itself where one comes right after the other', () => {
  const turn = new WaveTurn();
  turn.begin(10);
  turn.next(0, 10.01);
  turn.begin(10.01 + PATIENCE_MS / 2);
  expect(turn.next(1, 10.1)).toBe('fetch');
  expect(turn.next(0, 10.11)).toBe('await');
});

it('gives the event loop back after a while, whatever comes', () => {
  const batches = fc.array(
    fc.record({ count: fc.nat(64), tookMs: fc.double({ min: 0.001, max: 0.4, noNaN: true }) }),
    {
      minLength: 200,
      maxLength: 200,
    },
  );
  fc.assert(
    fc.property(batches, (all) => {
      const turn = new WaveTurn();
      let nowMs = 0;
      let beganAtMs: number | null = null;
      for (const { count, tookMs } of all) {
        if (beganAtMs === null) turn.begin(nowMs);
        beganAtMs ??= nowMs;
        nowMs += tookMs;
        const next = turn.next(count, nowMs);
        if (nowMs - beganAtMs >= TURN_MS) expect(next).toBe('end');
        if (next === 'end') beganAtMs = null;
      }
    }),
    { numRuns: 20 },
  );
});

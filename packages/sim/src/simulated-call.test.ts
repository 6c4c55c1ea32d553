import { expect, test } from 'vitest';
import { judgeCall } from './simulated-call.test-support.ts';
import { tryPairs } from './try-pairs.ts';

const PAIRS = 1000;
/** A bare Linux router meets a check that came too early: behind a carrier that turns openings around, and when one was lost. */
const SPOILT = [22_207, 35_588];

test('path agents find what the oracle says, over random pairs of networks', { timeout: 120_000 }, () => {
  const direct = { plain: 0, predict: 0, spray: 0, chance: 0, relay: 0 };
  const { failures, byExpected } = tryPairs({ firstSeed: 1, pairs: PAIRS }, (run) => {
    const { why, directAfterMs } = judgeCall(run);
    if (directAfterMs !== null) direct[run.expected]++;
    return why;
  });
  expect(failures).toEqual([]);
  expect(direct.plain).toBe(byExpected.plain);
  // A few share one allocator, and push each other's ports on.
  expect(direct.predict / byExpected.predict).toBeGreaterThan(0.95);
  expect(direct.spray / byExpected.spray).toBeGreaterThan(0.97);
});

test.each(SPOILT)('a NAT that was spoilt by an early check does not keep a pair relayed: seed %i', (seed) => {
  expect(tryPairs({ firstSeed: seed, pairs: 1 }, (run) => judgeCall(run).why).failures).toEqual([]);
});

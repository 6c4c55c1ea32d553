import { expect, test } from 'vitest';
import { judgeCall } from './simulated-call.test-support.ts';
import { tryPairs } from './try-pairs.ts';

const PAIRS = 1000;

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

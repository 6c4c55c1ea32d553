import { expect, test } from 'vitest';
import { judgeCall } from './simulated-call.test-support.ts';
import { tryPairs } from './try-pairs.ts';

const PAIRS = 2000;

test('path agents find what the oracle says, over random pairs of networks', { timeout: 120_000 }, () => {
  let direct = 0;
  const summary = tryPairs({ firstSeed: 1, pairs: PAIRS }, (run) => {
    const { why, directAfterMs } = judgeCall(run);
    if (directAfterMs !== null) direct++;
    return why;
  });
  expect(summary.failures).toEqual([]);
  expect(direct).toBeGreaterThanOrEqual(summary.byExpected.plain);
});

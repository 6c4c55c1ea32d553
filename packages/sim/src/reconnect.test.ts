import { expect, it } from 'vitest';
import { reconnectAtOnce } from './reconnect.test-support.ts';

it('2,000 softphones that lose everything at once, and 30% of the supernodes with it, are all back within a minute, and nobody is overrun', () => {
  const result = reconnectAtOnce({
    softphones: 2000,
    supernodes: 20,
    killedPct: 30,
    seed: 1,
    maxAttached: 600,
    attaches: { checks: { perSecond: 10, burst: 5 }, maxWaitMs: 3000 },
    connections: { perSecond: 20, burst: 20 },
  });
  expect(result.missing).toBe(0);
  expect(result.backMs).toHaveLength(2000);
  expect(result.backMs.at(-1)).toBeLessThan(60_000);
  expect(result.worstAttachRate).toBeLessThanOrEqual(2);
  expect(result.worstConnectionRate).toBeLessThanOrEqual(2);
  expect(result.worstAttached).toBeLessThanOrEqual(1);
});

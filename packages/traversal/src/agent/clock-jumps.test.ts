import { describe, expect, it } from 'vitest';
import { ADDRESS, type AgentPair, talkingPair } from './agent-pair.test-support.ts';

const HOUR_MS = 3_600_000;
/** Audio is 50 a second; checks of a call that is well are some six. What follows a jump may be a few more. */
const MOST_CHECKS_A_SECOND = 40;

/** A ping is under way when it happens. */
function pingingPair(): AgentPair {
  const pair = talkingPair();
  pair.run(2000);
  const isOut = () => pair.sentTo.some((each) => each.side === 'alice' && each.atMs > pair.nowMs - 5);
  while (!isOut()) pair.run(1);
  return pair;
}

const checksSince = (pair: AgentPair, sinceMs: number): number =>
  pair.sentTo.filter(({ side, atMs }) => side === 'alice' && atMs >= sinceMs).length;

describe('a path agent whose clock is strange', () => {
  it.each([
    ['an hour on', HOUR_MS],
    ['ten seconds on', 10_000],
    ['a little back', -200],
  ])('goes on when it jumps %s', (_, jumpMs) => {
    const pair = pingingPair();
    pair.aheadMs.alice += jumpMs;
    const atMs = pair.nowMs;
    pair.run(1000);
    expect(checksSince(pair, atMs)).toBeLessThanOrEqual(MOST_CHECKS_A_SECOND);
    pair.run(9000);
    expect(pair.longestGap('alice')).toBeLessThanOrEqual(20);
    expect(pair.longestGap('bob')).toBeLessThanOrEqual(20);
    const { current } = pair.agents.alice;
    expect(current).toMatchObject({ kind: 'direct', remote: ADDRESS.bob });
    // Nothing that was under way meanwhile has become a measurement.
    expect(current!.rttMs).toBeCloseTo(40, 0);
  });

  it('notices a dead path after a jump as before', () => {
    const pair = pingingPair();
    pair.aheadMs.alice += HOUR_MS;
    pair.run(2000);
    pair.network = () => null;
    pair.run(3000);
    expect(pair.agents.alice.current!.kind).toBe('relay');
    expect(pair.longestGap('alice')).toBeLessThanOrEqual(120);
  });

  it.each([
    ['whose clock went on', 6000],
    ['whose clock stood still', 0],
  ])('goes on after six seconds of sleep, on a machine %s', (_, clockMs) => {
    const pair = pingingPair();
    pair.isAsleep.alice = true;
    pair.run(6000);
    pair.isAsleep.alice = false;
    pair.aheadMs.alice -= 6000 - clockMs;
    const atMs = pair.nowMs;
    pair.run(1000);
    expect(checksSince(pair, atMs)).toBeLessThanOrEqual(MOST_CHECKS_A_SECOND);
    const back = [...pair.heard.alice.values()].find((time) => time > atMs)!;
    expect(back - atMs).toBeLessThanOrEqual(150);
    pair.run(10_000);
    for (const side of ['alice', 'bob'] as const)
      expect(pair.agents[side].current, side).toMatchObject({ kind: 'direct' });
  });

  it('does not run in circles while its clock stands still', () => {
    const pair = pingingPair();
    const { alice } = pair.agents;
    const standstillMs = Math.max(pair.clockOf('alice'), alice.deadline);
    for (let i = 0; i < 100; i++) alice.handleTimeout(standstillMs);
    expect(alice.deadline).toBeGreaterThan(standstillMs);
    expect(alice.poll().length).toBeLessThan(10);
  });
});

import { expect, test } from 'vitest';
import { AgentPair } from './agent-pair.test-support.ts';

test('in a call that goes well pings leave with audio, and hardly more often than by themselves', () => {
  const pair = new AgentPair(() => null);
  // Answers come between two frames.
  pair.relayDelayMs = 23.7;
  pair.addRelay('203.0.113.30:3478', ['other'], 40);
  pair.run(300);
  pair.talk();
  // Until the path in use has proven itself it is pinged more often.
  pair.run(3000);
  const since = { sent: pair.sentTo.length, atMs: pair.nowMs };
  pair.run(10_000);
  const frames = new Set(pair.audioTo.map(({ side, atMs }) => `${side} ${atMs}`));
  const sent = pair.sentTo.slice(since.sent).filter(({ side }) => side === 'alice');
  const own = sent.filter(({ side, atMs }) => frames.has(`${side} ${atMs}`));
  // 4 a second in use, 1 a second kept warm: as many answers again come at any time.
  expect(own.length).toBeGreaterThanOrEqual(40);
  expect(own.length).toBeLessThanOrEqual(60);
  expect(sent.length - own.length).toBeLessThanOrEqual(60);
});

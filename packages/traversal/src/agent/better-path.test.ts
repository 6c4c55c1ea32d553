import { expect, test } from 'vitest';
import { BetterPath } from './better-path.ts';
import { Path, type PathIdentity } from './path.ts';

const NOW_MS = 10_000;

function pathOf(
  kind: PathIdentity['kind'],
  rttMs: number,
  lossPct = 0,
  transport: 'udp' | 'tcp' = 'udp',
): Path {
  const via = kind === 'direct' ? [] : ['supernode'];
  const path = new Path({ kind, flow: null, socket: 0, remote: `${kind}:1`, via, transport });
  for (let i = 0; i < 5; i++) path.noteRtt(rttMs);
  path.noteAnswer(NOW_MS - 50, NOW_MS, 0);
  for (let packets = 0; lossPct > 0 && packets <= 200; packets += 10)
    path.noteOutgoing(packets, Math.round(packets * (1 - lossPct / 100)), NOW_MS - 4000 + packets * 20);
  return path;
}

test.each<[string, Path, Path, boolean]>([
  ['for a relay that loses nothing', pathOf('direct', 200, 20), pathOf('relay', 220), true],
  ['not for one over TCP', pathOf('direct', 200, 20), pathOf('relay', 220, 0, 'tcp'), false],
  [
    'for TCP, where copies do not help any more',
    pathOf('direct', 200, 60),
    pathOf('relay', 220, 0, 'tcp'),
    true,
  ],
  ['for TCP, where it is much nearer', pathOf('direct', 800, 20), pathOf('relay', 100, 0, 'tcp'), true],
])('a lossy path is left %s', (_, current, other, isLeft) => {
  const better = new BetterPath();
  const options = { sinceMs: 0, isTalking: true, partner: null };
  const paths = [current, other];
  const found = [0, 500].map((ms) => better.find(current, paths, { ...options, nowMs: NOW_MS + ms }));
  expect(found.some((each) => each?.path === other)).toBe(isLeft);
});

const comparing = (samplesMs: readonly number[], otherMs: number) => {
  const other = pathOf('relay', otherMs);
  const current = new Path({
    kind: 'direct',
    flow: null,
    socket: 0,
    remote: 'direct:2',
    via: [],
    transport: 'udp',
  });
  for (const sampleMs of samplesMs) current.noteRtt(sampleMs);
  current.noteAnswer(NOW_MS - 50, NOW_MS, 0);
  const better = new BetterPath();
  const options = { sinceMs: 0, isTalking: true, partner: null };
  const found = [0, 500].map((ms) =>
    better.find(current, [current, other], { ...options, nowMs: NOW_MS + ms }),
  );
  return { isLeft: found.some((each) => each?.path === other), deadline: better.deadline };
};

test('a path is left for its round trip alone only if even its shortest one was too long', () => {
  expect(comparing([400, 400, 400, 400, 400], 60).isLeft).toBe(true);
  expect(comparing([400, 400, 70, 400, 400], 60).isLeft).toBe(false);
});

test('a path that is only just in use is not left for its round trip, and nothing waits for a time that is past', () => {
  const { isLeft, deadline } = comparing([400, 400, 400, 400], 60);
  expect(isLeft).toBe(false);
  expect(deadline).toBe(Number.POSITIVE_INFINITY);
});

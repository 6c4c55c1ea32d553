import { expect, test } from 'vitest';
import { Path, type PathIdentity } from './path.ts';
import { scoreOf } from './score.ts';

interface Case {
  kind: PathIdentity['kind'];
  rttMs: number;
  /** How far apart round trips lie. */
  apartMs?: number;
  lossPct?: number;
  transport?: 'tcp';
  hops?: number;
}

function pathOf({ kind, rttMs, apartMs = 0, lossPct = 0, transport = undefined, hops = 1 }: Case): Path {
  const via = kind === 'direct' ? [] : Array.from({ length: hops }, (_, hop) => `supernode-${hop}`);
  const path = new Path({
    ...{ kind, flow: null, socket: 0, remote: '192.0.2.1:1', via },
    ...(transport && { transport }),
  });
  for (const side of [-1, 0, 1, 0, -1]) path.noteRtt(rttMs + side * apartMs);
  for (let packets = 0; packets <= 200; packets += 10)
    path.noteOutgoing(packets, Math.round(packets * (1 - lossPct / 100)), packets * 20);
  return path;
}

/** Which of two is the better path, with a reason. */
test.each<[string, Case, Case]>([
  ['nobody pays for a direct one', { kind: 'direct', rttMs: 60 }, { kind: 'relay', rttMs: 60 }],
  ['each supernode more may fail', { kind: 'relay', rttMs: 60 }, { kind: 'overlay', rttMs: 60, hops: 2 }],
  ['a shorter one', { kind: 'relay', rttMs: 60 }, { kind: 'relay', rttMs: 200 }],
  ['a steady one', { kind: 'relay', rttMs: 100 }, { kind: 'relay', rttMs: 100, apartMs: 100 }],
  [
    'one that loses nothing, though longer',
    { kind: 'relay', rttMs: 150 },
    { kind: 'direct', rttMs: 60, lossPct: 10 },
  ],
  [
    'TCP, where UDP loses nearly all',
    { kind: 'relay', rttMs: 100, transport: 'tcp' },
    { kind: 'relay', rttMs: 60, lossPct: 60 },
  ],
  ['UDP, of two alike', { kind: 'relay', rttMs: 60 }, { kind: 'relay', rttMs: 60, transport: 'tcp' }],
  // Copies make up for the loss; TCP waits for each lost segment, and what comes after waits with it.
  [
    'UDP that loses 20%, where TCP stalls',
    { kind: 'direct', rttMs: 200, lossPct: 20 },
    { kind: 'relay', rttMs: 440, apartMs: 150, transport: 'tcp' },
  ],
])('%s', (_, better, worse) => {
  expect(scoreOf(pathOf(better))).toBeGreaterThan(scoreOf(pathOf(worse)));
});

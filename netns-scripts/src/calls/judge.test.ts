import type { ProgramEvent } from '@overcall/harness';
import { expect, test } from 'vitest';
import { faultsOf, leaveDemand, pathWord, relayedNote, wasHeldUp } from './judge.ts';
import { reportOf } from './report.ts';

const TOTALS = {
  sentPackets: 400,
  receivedPackets: 390,
  lostPackets: 10,
  playedFrames: 385,
  concealedFrames: 10,
};
const total = (more: object) => ({
  totals: { ...TOTALS, longestGapMs: 40, timeToDirectMs: null, mos: 4.2, ...more },
});
const about = (callId: string, events: object[]) =>
  events.map((event) => ({ at: 1000, callId, ...event })) as ProgramEvent[];

const CALLING = { event: 'calling' };
const ANSWERED = { event: 'answered', setupMs: 45, at: 1100 };
const PATH = {
  event: 'path',
  kind: 'relay',
  transport: 'udp',
  via: ['supernode'],
  rttMs: 3,
  reason: 'x',
  at: 1090,
};
const AUDIO = { event: 'first-audio', msSinceAnswer: 80 };
const ended = (reason: string, more: object = {}, durationS = 8) => ({
  event: 'ended',
  reason,
  durationS,
  ...total(more),
});

const OTHER_CALL = about('other', [AUDIO, ended('failed', { receivedPackets: 0 })]);

function call({
  mine = [] as object[],
  theirs = [] as object[],
  stderr = '',
  waitedMs = [] as number[],
} = {}) {
  const caller = { events: about('this', mine), stderr };
  const callee = { events: [...OTHER_CALL, ...about('this', theirs)], stderr: '' };
  return reportOf('alice', 'bob', caller, callee, waitedMs);
}

const GOOD = {
  mine: [CALLING, ANSWERED, PATH, AUDIO, ended('hangup')],
  theirs: [AUDIO, ended('remote-hangup')],
};
const DEMANDS = { seconds: 8, possible: null } as const;

test('a report is what both softphones said about this call, and nothing about another', () => {
  expect(call(GOOD)).toMatchObject({
    answered: true,
    setupMs: 45,
    durationS: 8,
    paths: [{ atMs: -10, kind: 'relay', via: ['supernode'] }],
    caller: { firstAudioMs: 80, lossPct: 2.5, longestGapMs: 40, ended: 'hangup' },
    callee: { firstAudioMs: 80, ended: 'remote-hangup' },
  });
});

test('a good call has no faults', () => {
  expect(faultsOf(call(GOOD), { ...DEMANDS, maxGapMs: 40 })).toEqual([]);
});

test.for<[what: string, said: Parameters<typeof call>[0], faults: string[]]>([
  ['nobody answered', { mine: [CALLING, ended('unreachable')] }, ['bob did not answer alice: unreachable']],
  ['never dialled', { stderr: 'overcall: no\n' }, ['bob did not answer alice: overcall: no']],
  [
    'one way only',
    { ...GOOD, theirs: [ended('remote-hangup', { receivedPackets: 0, playedFrames: 0 })] },
    ['bob heard nothing'],
  ],
  [
    'half of it missing',
    { ...GOOD, theirs: [AUDIO, ended('remote-hangup', { playedFrames: 120 })] },
    ['bob heard 30% (120 of 400 frames)'],
  ],
  [
    'too long a gap',
    { ...GOOD, theirs: [AUDIO, ended('remote-hangup', { longestGapMs: 60 })] },
    ['bob heard nothing for 60 ms, more than 40 ms'],
  ],
  [
    'broken off',
    { mine: [CALLING, ANSWERED, AUDIO, ended('failed', {}, 5)], theirs: [AUDIO] },
    [
      'bob heard nothing',
      'it ended for alice with failed',
      'it ended for bob with no word',
      'it lasted 5 s, not 8 s',
    ],
  ],
])('%s', ([, said, faults]) => {
  expect(faultsOf(call(said), { ...DEMANDS, maxGapMs: 40 })).toEqual(faults);
});

test('relayed where direct is possible is a note, and a fault where direct is required', () => {
  const relayed = call(GOOD);
  const demands = { ...DEMANDS, possible: 'direct' } as const;
  expect(relayedNote(relayed, demands)).toBe('relayed although a direct path is possible');
  expect(faultsOf(relayed, demands)).toEqual([]);
  expect(faultsOf(relayed, { ...demands, requireDirect: 'in-the-end' })).toEqual([
    relayedNote(relayed, demands),
  ]);
  expect(relayedNote(relayed, { possible: 'relay' })).toBeNull();
  expect(faultsOf(relayed, { ...DEMANDS, possible: 'relay', requireDirect: 'in-the-end' })).toEqual([]);
  const direct = call({ ...GOOD, mine: [...GOOD.mine, { ...PATH, kind: 'direct' }] });
  expect(pathWord(direct)).toBe('direct');
  expect(faultsOf(direct, { ...demands, requireDirect: 'in-the-end' })).toEqual([]);
  const left = call({
    ...GOOD,
    mine: [...GOOD.mine, { ...PATH, kind: 'direct' }, { ...PATH, kind: 'relay' }],
  });
  expect(faultsOf(left, { ...demands, requireDirect: 'in-the-end' })).toEqual([relayedNote(left, demands)]);
  expect(faultsOf(left, { ...demands, requireDirect: 'once' })).toEqual([]);
  expect(faultsOf(relayed, { ...demands, requireDirect: 'once' })).toEqual([relayedNote(relayed, demands)]);
});

test('a supernode is to be left so long after what did happen, or in the end', () => {
  const supernode = 'supernode';
  expect(leaveDemand({ supernode, withinMs: 500 }, 2007)).toEqual({ supernode, byMs: 2507 });
  expect(leaveDemand({ supernode }, 2007)).toEqual({ supernode, byMs: Number.POSITIVE_INFINITY });
});

test('a supernode that was to be left is a fault from its time on', () => {
  const other = { ...PATH, via: ['supernode-b'], at: 4300 };
  const left = call({ ...GOOD, mine: [...GOOD.mine, other] });
  const back = call({ ...GOOD, mine: [...GOOD.mine, other, { ...PATH, at: 6000 }] });
  const faultsBy = (report: typeof left, byMs: number) =>
    faultsOf(report, { ...DEMANDS, leaves: { supernode: 'supernode', byMs } });
  expect(faultsBy(left, 3200)).toEqual([]);
  expect(faultsBy(left, 3100)).toEqual([
    'what alice said went over supernode 3100 ms after the answer or later',
  ]);
  expect(faultsBy(left, Number.POSITIVE_INFINITY)).toEqual([]);
  expect(faultsBy(back, 3200)).toHaveLength(1);
  expect(faultsBy(back, Number.POSITIVE_INFINITY)).toEqual([
    'what alice said went over supernode in the end',
  ]);
});

test('a call of which little was heard while its programs waited for the machine is told from others', () => {
  const theirs = [AUDIO, ended('remote-hangup', { playedFrames: 40 })];
  const held = call({ ...GOOD, theirs, waitedMs: [10, 2000] });
  expect(faultsOf(held, DEMANDS)).toEqual([
    'bob heard 10% (40 of 400 frames; its program waited 2000 ms for a processor)',
  ]);
  expect(wasHeldUp(held, 8)).toBe(true);
  expect(wasHeldUp(call({ ...GOOD, theirs, waitedMs: [2000, 10] }), 8)).toBe(true);
  expect(wasHeldUp(call({ ...GOOD, theirs, waitedMs: [1999, 1999] }), 8)).toBe(false);
  // Where the kernel does not tell, nothing is excused.
  expect(wasHeldUp(call({ ...GOOD, theirs }), 8)).toBe(false);
});

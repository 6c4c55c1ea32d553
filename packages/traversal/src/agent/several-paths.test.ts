import { CHECK_HEADER_BYTES, readCheck } from '@overcall/wire';
import { describe, expect, it } from 'vitest';
import { AgentPair, type Network, RELAY } from './agent-pair.test-support.ts';

const ADDRESS = { alice: '198.51.100.1:4000', bob: '198.51.100.2:5000' };
const OTHER = { alice: 'bob', bob: 'alice' } as const;
const SIDES = ['alice', 'bob'] as const;
const Q = '203.0.113.30:3478';
const R = '203.0.113.40:3478';
const nowhere: Network = () => null;

/** A way for everything between the two, with this delay one way; `loses` is asked for each datagram. */
function direct(delayMs: number, loses = () => false): Network {
  return ({ from, to, hopLimit }) =>
    to !== ADDRESS[OTHER[from]] || hopLimit !== undefined || loses()
      ? null
      : { seenFrom: ADDRESS[from], delayMs };
}

function expose(pair: AgentPair): void {
  for (const side of SIDES) {
    pair.agents[side].setCandidates([{ kind: 'server-reflexive', address: ADDRESS[side] }]);
    pair.agents[side].expose(pair.nowMs);
  }
}

/** Loses `burst` in a row of every `of`. */
function bursts(burst: number, of: number): () => boolean {
  let count = 0;
  return () => count++ % of < burst;
}

const isPing = (datagram: Uint8Array) =>
  readCheck(datagram.subarray(CHECK_HEADER_BYTES, -16))?.kind === 'ping';
const pingsTo = (pair: AgentPair, remote: string, sinceMs: number): number =>
  pair.sentTo.filter(
    ({ side, to, atMs, datagram }) => side === 'alice' && to === remote && atMs > sinceMs && isPing(datagram),
  ).length;
/** Packets of audio for each frame that alice says. */
const packetsPerFrame = (pair: AgentPair, sinceMs: number): number =>
  pair.audioTo.filter(({ side, atMs }) => side === 'alice' && atMs > sinceMs).length /
  ((pair.nowMs - sinceMs) / 20);
const switchesSince = (pair: AgentPair, sinceMs: number) =>
  pair.switches.filter(({ side, atMs }) => side === 'alice' && atMs > sinceMs);

describe('several paths over supernodes', () => {
  it('keeps the best one on other supernodes warm, and further ones alive', () => {
    const pair = new AgentPair(nowhere);
    pair.addRelay(Q, ['supernode', 'q'], 20);
    pair.addRelay(R, ['r'], 60);
    pair.talk();
    pair.run(3000);
    const fromMs = pair.nowMs;
    pair.run(20_000);
    expect(pair.agents.alice.current!.remote).toBe(RELAY);
    // Each after the answer to the one before.
    expect(pingsTo(pair, RELAY, fromMs) / 20).toBeGreaterThan(3);
    expect(pingsTo(pair, R, fromMs) / 20).toBeCloseTo(0.9, 1);
    expect(pingsTo(pair, Q, fromMs)).toBe(4);
    expect(packetsPerFrame(pair, fromMs)).toBe(1);
  });

  it('keeps the best relay warm while a direct path is in use, and the next one alive', () => {
    const pair = new AgentPair(direct(20));
    pair.addRelay(Q, ['q'], 25);
    expose(pair);
    pair.talk();
    pair.run(3000);
    const fromMs = pair.nowMs;
    pair.run(20_000);
    expect(pair.agents.alice.current!.kind).toBe('direct');
    expect([pingsTo(pair, RELAY, fromMs), pingsTo(pair, Q, fromMs)].sort((x, y) => x - y)).toEqual([4, 19]);
  });

  it('loses nothing for long when each side sends over another relay, and one of these dies', () => {
    const pair = new AgentPair(nowhere);
    const q = pair.addRelay(Q, ['q']);
    pair.run(1000);
    pair.agents.bob.restRoute(12, pair.nowMs);
    pair.agents.bob.useRelay(
      { flow: 12, sendFlow: 11, socket: 0, remote: RELAY, via: ['supernode'] },
      pair.nowMs,
    );
    pair.talk();
    pair.run(3000);
    expect(SIDES.map((side) => pair.agents[side].current!.remote)).toEqual([RELAY, Q]);
    q.works = false;
    pair.run(3000);
    for (const side of SIDES) {
      expect(pair.longestGap(side)).toBeLessThanOrEqual(150);
      expect(pair.lost(side)).toBe(0);
    }
    expect(pair.agents.bob.current!.remote).toBe(RELAY);
  });

  it('does not suspect a path because the peer sends on another one', () => {
    const pair = new AgentPair(nowhere);
    pair.addRelay(Q, ['q']);
    pair.run(1000);
    pair.agents.bob.restRoute(12, pair.nowMs);
    pair.talk();
    pair.run(2000);
    const fromMs = pair.nowMs;
    pair.run(5000);
    expect(packetsPerFrame(pair, fromMs)).toBe(1);
  });

  it('has a spare that dies before the path in use replaced by the next one', () => {
    const pair = new AgentPair(nowhere);
    const q = pair.addRelay(Q, ['q']);
    pair.addRelay(R, ['r']);
    pair.talk();
    pair.run(3000);
    q.works = false;
    pair.run(10_000);
    const fromMs = pair.nowMs;
    pair.relayWorks = false;
    pair.run(3000);
    expect(switchesSince(pair, fromMs).map(({ remote }) => remote)).toEqual([R]);
    for (const side of SIDES) expect(pair.longestGap(side)).toBeLessThanOrEqual(120);
  });

  it('leaves a relay at which the peer has never been for one that comes after the answer', () => {
    const pair = new AgentPair(nowhere);
    pair.relayWorks = false;
    pair.agents.bob.dropRoute(12, 0);
    pair.talk();
    pair.run(200);
    pair.addRelay(Q, ['q']);
    pair.run(1000);
    expect(SIDES.map((side) => pair.agents[side].current!.remote)).toEqual([Q, Q]);
    expect([...pair.heard.bob.values()][0]).toBeLessThan(800);
    const fromMs = pair.nowMs;
    pair.run(1000);
    expect(packetsPerFrame(pair, fromMs)).toBe(1);
  });

  it('is on a way over two supernodes when that is better than the direct path, for good', () => {
    const pair = new AgentPair(direct(250));
    pair.relayDelayMs = 300;
    pair.addRelay(Q, ['p', 'q'], 60);
    expose(pair);
    pair.talk();
    pair.run(60_000);
    for (const side of SIDES) {
      expect(pair.agents[side].current).toMatchObject({ kind: 'overlay', remote: Q });
    }
    expect(switchesSince(pair, 5000)).toEqual([]);
  });

  it('prefers one supernode to two where nothing else tells them apart', () => {
    const pair = new AgentPair(nowhere);
    pair.relayWorks = false;
    pair.addRelay(Q, ['p', 'q'], 30);
    pair.addRelay(R, ['r'], 30);
    pair.talk();
    pair.run(5000);
    expect(pair.agents.alice.current!.remote).toBe(R);
  });
});

describe('a path that was left for its loss', () => {
  it('is heard with copies first, and taken back when it loses nothing any more', () => {
    let isLossy = false;
    const burst = bursts(5, 50);
    const pair = new AgentPair(direct(20, () => isLossy && burst()));
    expose(pair);
    pair.talk();
    pair.run(3000);
    isLossy = true;
    pair.run(3000);
    expect(pair.agents.alice.current!.kind).toBe('relay');
    isLossy = false;
    const fromMs = pair.nowMs;
    pair.run(26_000);
    expect(packetsPerFrame(pair, fromMs + 500)).toBe(1);
    pair.run(10_000);
    expect(pair.agents.alice.current!.kind).toBe('direct');
    expect(pair.lost('bob')).toBeLessThanOrEqual(5);
    const settledMs = pair.nowMs;
    pair.run(5000);
    expect(packetsPerFrame(pair, settledMs)).toBe(1);
  });

  it('is not taken back while it still loses, however long the call lasts', () => {
    let isLossy = false;
    const burst = bursts(5, 50);
    const pair = new AgentPair(direct(20, () => isLossy && burst()));
    expose(pair);
    pair.talk();
    pair.run(3000);
    isLossy = true;
    pair.run(3000);
    const fromMs = pair.nowMs;
    pair.run(300_000);
    expect(switchesSince(pair, fromMs)).toEqual([]);
    // Auditions of three seconds after 30, 60 and then each 120 s.
    expect(packetsPerFrame(pair, fromMs)).toBeLessThan(1.06);
  });
});

describe('two paths at once', () => {
  /** A direct path and a relay, both of which lose a tenth, at different moments. */
  function allLossy() {
    let isLossy = false;
    const [one, two] = [bursts(5, 50), bursts(5, 57)];
    const pair = new AgentPair(direct(20, () => isLossy && one()));
    pair.relayWorks = false;
    const relay = pair.addRelay(Q, ['q']);
    relay.loses = () => isLossy && two();
    expose(pair);
    pair.talk();
    pair.run(5000);
    const set = (lossy: boolean) => {
      isLossy = lossy;
    };
    return { pair, relay, set };
  }

  it('carry everything while each of them loses, and miss a tenth of that', () => {
    const { pair, set } = allLossy();
    set(true);
    pair.run(3000);
    const fromMs = pair.nowMs;
    const lostBefore = pair.lost('bob');
    pair.run(30_000);
    expect(packetsPerFrame(pair, fromMs)).toBeGreaterThan(1.9);
    expect(packetsPerFrame(pair, fromMs)).toBeLessThan(2.25);
    expect(pair.lost('bob') - lostBefore).toBeLessThan(0.03 * 1500);
    expect(switchesSince(pair, fromMs).length).toBeLessThanOrEqual(2);
  });

  it('end some seconds after one of them is clean', () => {
    const { pair, set } = allLossy();
    set(true);
    pair.run(5000);
    set(false);
    pair.run(10_000);
    const fromMs = pair.nowMs;
    pair.run(10_000);
    expect(packetsPerFrame(pair, fromMs)).toBeLessThan(1.35);
  });
});

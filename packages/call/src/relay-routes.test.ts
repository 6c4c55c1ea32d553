import { DatagramType, readBindRequest } from '@overcall/wire';
import { describe, expect, it } from 'vitest';
import { RelayedPair, type TestRoute } from './relayed-pair.test-support.ts';

const P: TestRoute = { via: ['p'], flows: { a: 11, b: 12 } };
const Q: TestRoute = { via: ['q'], flows: { a: 21, b: 22 } };
const R: TestRoute = { via: ['r'], flows: { a: 31, b: 32 } };
/** Enters where P does. */
const P_Q: TestRoute = { via: ['p', 'q'], flows: { a: 41, b: 42 } };

function talking(...routes: TestRoute[]): RelayedPair {
  const pair = new RelayedPair(['p', 'q', 'r']);
  for (const route of routes) pair.open(route);
  pair.run(1000);
  pair.talk();
  pair.run(2000);
  return pair;
}

const kill = (pair: RelayedPair, ...names: string[]) => {
  for (const name of names) pair.supernodes[name]!.isAlive = false;
};

describe('a session with several relay routes', () => {
  it.each([
    ['one of two', [P, Q], ['p']],
    ['two of three', [P, Q, R], ['p', 'q']],
    ['the one on both of two', [P, P_Q, R], ['p']],
  ])('goes on within 130 ms when %s supernodes is killed', (_, routes, killed) => {
    const pair = talking(...routes);
    expect(pair.viaOf('a')).toEqual(['p']);
    const atMs = pair.nowMs;
    kill(pair, ...killed);
    pair.run(20_000);
    for (const side of ['a', 'b'] as const) {
      expect(pair.longestGap(side, atMs)).toBeLessThanOrEqual(130);
      expect(pair.said(side, 'ended')).toEqual([]);
      expect(pair.said(side, 'path', atMs)).toHaveLength(1);
    }
  });

  it('tells two routes that enter at the same supernode apart, and leaves the one that loses', () => {
    const pair = talking(P, P_Q);
    let count = 0;
    pair.passes = (flow) => !(flow === P.flows.a || flow === P.flows.b) || count++ % 5 !== 0;
    pair.run(3000);
    for (const side of ['a', 'b'] as const) {
      expect(pair.sessions[side].paths.current).toMatchObject({ kind: 'overlay', lossPct: 0 });
    }
    expect(pair.viaOf('b')).toEqual(['q', 'p']);
  });

  it('takes nothing on the flow of a route from elsewhere than that route', () => {
    const pair = talking(P, Q);
    const { a } = pair.sessions;
    const before = a.paths.counters.unwelcomeChecks;
    pair.passes = () => false;
    pair.run(1100);
    const ping = pair.said('b', 'send').findLast(({ datagram }) => datagram[0] === DatagramType.Check)!;
    a.handleDatagram(0, '198.51.100.9:1', ping.datagram, pair.nowMs);
    expect(a.paths.counters.unwelcomeChecks).toBe(before + 1);
  });

  it('says which routes are up, and when one goes down', () => {
    const pair = talking(P, Q);
    expect(new Set(pair.said('a', 'route').map(({ route, isUp }) => `${route} ${isUp}`))).toEqual(
      new Set(['11 true', '21 true']),
    );
    const atMs = pair.nowMs;
    kill(pair, 'q');
    pair.run(6000);
    expect(pair.said('a', 'route', atMs)).toEqual([{ type: 'route', route: 21, isUp: false }]);
    pair.supernodes.q!.isAlive = true;
    pair.run(6000);
    expect(pair.said('a', 'route', atMs).at(-1)).toEqual({ type: 'route', route: 21, isUp: true });
  });

  it('asks every relay for an answer when audio is missing: the peer may send over any of them', () => {
    const pair = talking(P, Q, R, P_Q);
    const atMs = pair.nowMs;
    pair.passes = () => false;
    pair.run(100);
    for (const side of ['a', 'b'] as const) {
      const asked = pair.said(side, 'send', atMs).flatMap(({ datagram }) => readBindRequest(datagram) ?? []);
      const other = side === 'a' ? 'b' : 'a';
      expect(new Set(asked.map(({ flowId }) => flowId))).toEqual(
        new Set([P, Q, R, P_Q].map(({ flows }) => flows[other])),
      );
    }
  });

  it('opens two streams at most where UDP is blocked, and that of the route in use is one', () => {
    const pair = talking(P, Q, R);
    const atMs = pair.nowMs;
    for (const supernode of Object.values(pair.supernodes)) supernode.passesUdp = false;
    let most = 0;
    for (let ms = 0; ms < 10_000; ms += 5) {
      pair.run(5);
      most = Math.max(most, pair.openStreams.a.size, pair.openStreams.b.size);
    }
    expect(most).toBe(2);
    for (const side of ['a', 'b'] as const) {
      const { current } = pair.sessions[side].paths;
      expect(current!.transport).toBe('tcp');
      expect(pair.openStreams[side].has(current!.socket)).toBe(true);
      expect(pair.longestGap(side, atMs)).toBeLessThanOrEqual(500);
      expect(pair.longestGap(side, pair.nowMs - 5000)).toBeLessThanOrEqual(60);
    }
  });

  it('opens no stream for a further route when the first is bound over UDP', () => {
    const pair = talking(P);
    const atMs = pair.nowMs;
    pair.open(Q);
    pair.run(5000);
    expect(pair.said('a', 'stream', atMs).filter(({ wanted }) => wanted)).toEqual([]);
    expect(pair.sessions.a.paths.isRouteUp(21, pair.nowMs)).toBe(true);
  });

  it('goes on by another route when one is given up, and takes no more than six', () => {
    const pair = talking(P, Q);
    const { a } = pair.sessions;
    a.dropRoute(P.flows.a, pair.nowMs);
    pair.run(1000);
    expect(pair.viaOf('a')).toEqual(['q']);
    expect(a.receivesOn(P.flows.a)).toBe(false);
    const more = [51, 52, 53, 54, 55, 56].map((flow) =>
      a.useRelay({ ...pair.grantOf('a', P), route: flow, sendFlow: flow + 100 }, pair.nowMs),
    );
    expect(more).toEqual([true, true, true, true, true, false]);
  });

  it('loses nothing when both sides give a route up, one after the other', () => {
    const pair = talking(P, Q);
    const { a, b } = pair.sessions;
    expect(pair.viaOf('a')).toEqual(['p']);
    const from = { a: pair.heardAtMs.a.length, b: pair.heardAtMs.b.length };
    a.retireRoute(P.flows.a, pair.nowMs);
    pair.run(70);
    b.retireRoute(P.flows.b, pair.nowMs);
    pair.run(1000);
    a.dropRoute(P.flows.a, pair.nowMs);
    b.dropRoute(P.flows.b, pair.nowMs);
    pair.run(1000);
    for (const side of ['a', 'b'] as const) {
      expect(pair.viaOf(side)).toEqual(['q']);
      const heard = pair.heardAtMs[side].slice(from[side] - 1);
      expect(Math.max(...heard.slice(1).map((atMs, i) => atMs - heard[i]!))).toBeLessThanOrEqual(20);
    }
  });

  it('makes room for a new route where one is only listened to', () => {
    const pair = talking(P, Q);
    const { a } = pair.sessions;
    a.retireRoute(P.flows.a, pair.nowMs);
    const more = [51, 52, 53, 54, 55, 56].map((flow) =>
      a.useRelay({ ...pair.grantOf('a', Q), route: flow, sendFlow: flow + 100 }, pair.nowMs),
    );
    expect(more).toEqual([true, true, true, true, true, false]);
    expect(a.receivesOn(P.flows.a)).toBe(false);
  });

  it('keeps its path when the supernode has forgotten a route and grants it again', () => {
    const pair = talking(P);
    const atMs = pair.nowMs;
    pair.sessions.a.useRelay(pair.grantOf('a', P, 99), pair.nowMs);
    pair.run(2000);
    expect(pair.said('a', 'path', atMs)).toEqual([]);
    expect(pair.longestGap('b', atMs)).toBeLessThanOrEqual(40);
  });

  it('is brought back by a route that is opened while the peer is silent, and waits for one', () => {
    const pair = talking(P);
    kill(pair, 'p');
    pair.run(7500);
    for (const side of ['a', 'b'] as const) pair.sessions[side].expectRoute(pair.nowMs);
    pair.run(4000);
    expect(pair.said('a', 'ended')).toEqual([]);
    const atMs = pair.nowMs;
    pair.open(Q);
    pair.run(3000);
    expect(pair.said('a', 'ended')).toEqual([]);
    expect(pair.heardAtMs.b.filter((time) => time > atMs + 1000).length).toBeGreaterThan(80);
  });

  it('gives up all the same when routes are opened for ever and lead nowhere', () => {
    const pair = talking(P);
    kill(pair, 'p', 'q');
    const atMs = pair.nowMs;
    while (pair.said('a', 'ended').length === 0 && pair.nowMs < atMs + 60_000) {
      pair.sessions.a.useRelay(pair.grantOf('a', Q), pair.nowMs);
      pair.run(1000);
    }
    expect(pair.nowMs - atMs).toBeGreaterThan(29_000);
    expect(pair.nowMs - atMs).toBeLessThan(32_000);
  });
});

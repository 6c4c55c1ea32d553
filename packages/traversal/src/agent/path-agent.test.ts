import { describe, expect, it } from 'vitest';
import type { NatBehaviour } from '../nat-behaviour.ts';
import { AgentPair, type Network, RELAY } from './agent-pair.test-support.ts';
import { MAX_UNANSWERED_CHECKS } from './check-budget.ts';

const ALICE = '198.51.100.1:4000';
const BOB = '198.51.100.2:5000';
const ADDRESS = { alice: ALICE, bob: BOB };
const openToAll: Network = ({ from, to, hopLimit }) => {
  const peer = from === 'alice' ? 'bob' : 'alice';
  if (to !== ADDRESS[peer] || hopLimit !== undefined) return null;
  return { seenFrom: ADDRESS[from], delayMs: DIRECT_DELAY_MS };
};
const OPEN_BUT_MOVING: NatBehaviour = { mapping: 'apdm', filtering: 'eif', ports: { kind: 'random' } };
const DIRECT_DELAY_MS = 20;

/** Two port-restricted cones: what one sends opens its own NAT for answers. */
function cones(): Network {
  const opened = new Set<string>();
  return ({ from, to, hopLimit }) => {
    opened.add(`${from} ${to}`);
    const peer = from === 'alice' ? 'bob' : 'alice';
    if (to !== ADDRESS[peer] || hopLimit !== undefined) return null;
    return opened.has(`${peer} ${ADDRESS[from]}`)
      ? { seenFrom: ADDRESS[from], delayMs: DIRECT_DELAY_MS }
      : null;
  };
}

function expose(pair: AgentPair): void {
  for (const side of ['alice', 'bob'] as const) {
    pair.agents[side].setCandidates([{ kind: 'server-reflexive', address: ADDRESS[side] }]);
    pair.agents[side].expose(pair.nowMs);
  }
}

describe('a path agent', () => {
  it('uses the relay until a direct path is proven, then that', () => {
    const pair = new AgentPair(cones());
    pair.run(100);
    expect(pair.switches.map(({ kind }) => kind)).toEqual(['relay', 'relay']);
    expose(pair);
    pair.run(500);
    const [toDirect] = pair.switches.filter(({ kind }) => kind === 'direct');
    expect(
      pair.switches
        .slice(2)
        .map(({ side, kind, reason }) => [side, kind, reason])
        .sort(),
    ).toEqual([
      ['alice', 'direct', 'direct-proven'],
      ['bob', 'direct', 'direct-proven'],
    ]);
    // Told at 100, known at 120, acknowledged at 140, first check arrives at 160, its answer at 180.
    expect(toDirect!.atMs).toBeLessThanOrEqual(180);
  });

  it('loses no frame when it changes from relay to direct', () => {
    const pair = new AgentPair(cones());
    pair.run(100);
    pair.talk();
    pair.run(500);
    expose(pair);
    pair.run(2000);
    for (const side of ['alice', 'bob'] as const) {
      expect(pair.agents[side].current!.kind).toBe('direct');
      expect(pair.lost(side)).toBe(0);
      expect(pair.longestGap(side)).toBeLessThanOrEqual(20);
    }
  });

  it('knows what share of its checks was lost, once the peer was there', () => {
    const pair = new AgentPair(cones());
    pair.relayWorks = false;
    pair.run(500);
    pair.relayWorks = true;
    pair.run(3000);
    expect(pair.agents.alice.current!.answers).toBeGreaterThan(3);
    expect(pair.agents.alice.pingLossShare).toBe(0);
    pair.relayWorks = false;
    pair.run(2500);
    pair.relayWorks = true;
    pair.run(2500);
    expect(pair.agents.alice.pingLossShare).toBeGreaterThan(0.1);
    expect(pair.agents.alice.pingLossShare).toBeLessThan(0.7);
  });

  it('takes a direct path whose first answers come late, as they do from a machine that has just begun a call', () => {
    const way = cones();
    let exposedAtMs = Number.POSITIVE_INFINITY;
    const pair = new AgentPair((flight) => {
      const arrival = way(flight);
      const isBusy = flight.nowMs < exposedAtMs + 150;
      return arrival && { ...arrival, delayMs: isBusy ? 120 : DIRECT_DELAY_MS };
    });
    pair.run(100);
    exposedAtMs = pair.nowMs;
    expose(pair);
    pair.run(400);
    pair.talk();
    pair.run(3000);
    for (const side of ['alice', 'bob'] as const) {
      expect(pair.agents[side].current!.kind).toBe('direct');
      // Once there, it does not go back.
      expect(pair.switches.filter((one) => one.side === side).map(({ kind }) => kind)).toEqual([
        'relay',
        'direct',
      ]);
    }
  });

  it('tells no address and checks none before it is exposed', () => {
    const pair = new AgentPair(cones());
    pair.agents.alice.setCandidates([{ kind: 'host', address: ALICE }]);
    pair.agents.bob.setCandidates([{ kind: 'host', address: BOB }]);
    pair.agents.alice.expose(0);
    pair.run(3000);
    expect(pair.sentTo.filter(({ to }) => to !== RELAY)).toEqual([]);
  });

  it('opens with datagrams that do not arrive, and sends few checks to an address that never answers', () => {
    const pair = new AgentPair(() => null);
    expose(pair);
    pair.run(60_000);
    const toBob = pair.sentTo.filter(({ to }) => to === BOB);
    expect(toBob[0]!.hopLimit).toBe(5);
    expect(toBob.filter(({ hopLimit }) => hopLimit === undefined)).toHaveLength(MAX_UNANSWERED_CHECKS);
  });

  it('cannot be used for a flood by a peer that names ever new addresses', () => {
    const pair = new AgentPair(() => null);
    pair.agents.alice.expose(0);
    for (let seq = 1; seq <= 1000; seq++) {
      const addresses = Array.from({ length: 32 }, (_, index) => `198.18.${seq % 250}.${index + 1}:${seq}`);
      const candidates = addresses.map((address) => ({ kind: 'host' as const, address }));
      pair.agents.alice.handleTold({ seq, ack: 1, flow: 9, candidates }, pair.nowMs);
      pair.run(100);
    }
    const victims = pair.sentTo.filter(({ to }) => to !== RELAY);
    expect(victims.length).toBeGreaterThan(100);
    expect(victims.length).toBeLessThanOrEqual(256 * (MAX_UNANSWERED_CHECKS + 1));
  });

  it('finds a peer whose address nobody announced, where its checks come from', () => {
    // Bob maps every destination anew: towards alice he has port 6000.
    const opened = new Set<string>();
    const pair = new AgentPair(({ from, to, hopLimit }) => {
      const seenFrom = from === 'alice' ? ALICE : '198.51.100.2:6000';
      if (from === 'bob') opened.add(to);
      if (hopLimit !== undefined) return null;
      if (from === 'bob') return to === ALICE ? { seenFrom, delayMs: DIRECT_DELAY_MS } : null;
      return to === '198.51.100.2:6000' && opened.has(ALICE) ? { seenFrom, delayMs: DIRECT_DELAY_MS } : null;
    });
    expose(pair);
    pair.run(1000);
    expect(pair.agents.alice.current).toMatchObject({ kind: 'direct', remote: '198.51.100.2:6000' });
    expect(pair.agents.bob.current).toMatchObject({ kind: 'direct', remote: ALICE });
  });

  it.each([
    ['both ways', ['alice', 'bob']],
    ['from alice to bob', ['alice']],
  ] as const)('leaves a direct path that goes dead %s for the relay', (_, deaf) => {
    const way = cones();
    let dead = false;
    const pair = new AgentPair((flight) =>
      dead && (deaf as readonly string[]).includes(flight.from) ? null : way(flight),
    );
    pair.run(100);
    expose(pair);
    pair.talk();
    pair.run(3000);
    expect(pair.agents.bob.current!.kind).toBe('direct');
    dead = true;
    pair.run(3000);
    expect(pair.agents.alice.current!.kind).toBe('relay');
    for (const side of ['alice', 'bob'] as const) {
      expect(pair.longestGap(side)).toBeLessThanOrEqual(120);
      expect(pair.lost(side)).toBe(0);
    }
  });

  it('goes on over the relay when that is reached another way, and not over a direct path that is dead', () => {
    const way = cones();
    let isDead = false;
    const pair = new AgentPair((flight) => (isDead ? null : way(flight)));
    pair.run(100);
    expose(pair);
    pair.talk();
    pair.run(1000);
    isDead = true;
    pair.run(250);
    const { alice } = pair.agents;
    expect(alice.current!.kind).toBe('relay');
    const stream = { flow: 11, socket: 9, remote: '203.0.113.20:443', via: ['supernode'], sendFlow: 12 };
    alice.useRelay({ ...stream, transport: 'tcp' }, pair.nowMs);
    expect(alice.current).toMatchObject({ kind: 'relay', transport: 'tcp' });
  });

  it.each([
    { blockedMs: 5000, openMs: 0 },
    { blockedMs: 60_000, openMs: 10_000 },
  ])('takes a direct path again at once when one side says that UDP is back, which was blocked for $blockedMs ms', ({
    blockedMs,
    openMs,
  }) => {
    const way = cones();
    let isBlocked = false;
    const pair = new AgentPair((flight) => (isBlocked ? null : way(flight)));
    pair.run(100);
    expose(pair);
    pair.talk();
    pair.run(1000);
    isBlocked = true;
    pair.run(blockedMs);
    isBlocked = false;
    pair.run(openMs);
    expect(pair.agents.alice.current!.kind).toBe('relay');
    pair.agents.alice.handleUdpRegained(pair.nowMs);
    pair.run(500);
    expect([pair.agents.alice.current!.kind, pair.agents.bob.current!.kind]).toEqual(['direct', 'direct']);
  });

  it('goes back to direct when that works again, and does not flap', () => {
    const way = cones();
    let dead = false;
    const pair = new AgentPair((flight) => (dead ? null : way(flight)));
    pair.run(100);
    expose(pair);
    pair.talk();
    pair.run(3000);
    dead = true;
    pair.run(2000);
    dead = false;
    pair.run(30_000);
    for (const side of ['alice', 'bob'] as const) {
      expect(pair.agents[side].current!.kind).toBe('direct');
      expect(pair.switches.filter((each) => each.side === side)).toHaveLength(4);
    }
  });

  it('leaves a lossy direct path for a clean relay within 2 s', () => {
    const way = cones();
    let lossy = false;
    let count = 0;
    // Two in a row of every 20.
    const pair = new AgentPair((flight) => (lossy && count++ % 20 < 2 ? null : way(flight)));
    pair.run(100);
    expose(pair);
    pair.talk();
    pair.run(3000);
    lossy = true;
    const from = pair.nowMs;
    pair.run(30_000);
    for (const side of ['alice', 'bob'] as const) {
      const after = pair.switches.filter((each) => each.side === side && each.atMs > from);
      expect(after[0]!.kind).toBe('relay');
      expect(after[0]!.atMs - from).toBeLessThanOrEqual(2000);
      expect(after.length).toBeLessThanOrEqual(2);
    }
  });

  it('follows a peer whose NAT gives it another port in the middle of a call', () => {
    let bobPort = 5000;
    const opened = new Set<string>();
    const pair = new AgentPair(({ from, to, hopLimit }) => {
      const own = from === 'alice' ? ALICE : `198.51.100.2:${bobPort}`;
      opened.add(`${own} ${to}`);
      const peer = from === 'alice' ? `198.51.100.2:${bobPort}` : ALICE;
      if (to !== peer || hopLimit !== undefined) return null;
      // Alice lets anybody in; bob's NAT only whom he has sent to.
      const open = from === 'bob' || opened.has(`${peer} ${own}`);
      return open ? { seenFrom: own, delayMs: DIRECT_DELAY_MS } : null;
    });
    pair.run(100);
    expose(pair);
    pair.talk();
    pair.run(3000);
    bobPort = 7000;
    pair.run(3000);
    expect(pair.agents.alice.current).toMatchObject({ kind: 'direct', remote: '198.51.100.2:7000' });
    for (const side of ['alice', 'bob'] as const) {
      expect(pair.longestGap(side)).toBeLessThanOrEqual(150);
    }
  });

  it('finds a direct path again after a rebind between two that let in only whom they have sent to', () => {
    let bobPort = 5000;
    const opened = new Set<string>();
    const own = (side: 'alice' | 'bob') => (side === 'alice' ? ALICE : `198.51.100.2:${bobPort}`);
    const pair = new AgentPair(({ from, to, hopLimit }) => {
      const peer = from === 'alice' ? 'bob' : 'alice';
      opened.add(`${own(from)} ${to}`);
      if (to !== own(peer) || hopLimit !== undefined) return null;
      return opened.has(`${own(peer)} ${own(from)}`)
        ? { seenFrom: own(from), delayMs: DIRECT_DELAY_MS }
        : null;
    });
    pair.onGather = (side) =>
      pair.agents[side].setCandidates([{ kind: 'server-reflexive', address: own(side) }]);
    pair.run(100);
    expose(pair);
    pair.talk();
    pair.run(3000);
    for (bobPort of [7000, 8000, 9000]) pair.run(10_000);
    expect(pair.agents.alice.current).toMatchObject({ kind: 'direct', remote: '198.51.100.2:9000' });
    for (const side of ['alice', 'bob'] as const) {
      expect(pair.longestGap(side)).toBeLessThanOrEqual(150);
      expect(pair.lost(side)).toBe(0);
    }
  });

  it('counts and drops what is forged, repeated, or comes from where nothing may come', () => {
    const pair = new AgentPair(cones(), (address) => !address.startsWith('10.'));
    expose(pair);
    pair.run(1000);
    const { alice } = pair.agents;
    const before = alice.current;
    alice.handleCheck(0, '192.0.2.1:9', new Uint8Array(57).fill(5), pair.nowMs);
    expect(alice.counters.forgedChecks).toBe(1);
    expect(alice.poll()).toEqual([]);
    expect(alice.current).toBe(before);
  });

  it('keeps the relay when there is nothing else, without ever being called in vain', () => {
    const pair = new AgentPair(() => null);
    pair.talk();
    pair.run(5000);
    pair.relayWorks = false;
    pair.run(20_000);
    expect(pair.agents.alice.current!.kind).toBe('relay');
    expect(pair.agents.alice.deadline).toBeGreaterThan(pair.nowMs);
    pair.relayWorks = true;
    pair.run(3000);
    expect([...pair.heard.bob.values()].at(-1)).toBeGreaterThan(pair.nowMs - 100);
  });

  it('has nothing to do at once when its only relay is dropped with a ping overdue', () => {
    const pair = new AgentPair(() => null);
    pair.run(500);
    pair.relayWorks = false;
    pair.run(1040);
    const { alice } = pair.agents;
    alice.dropRoute(11, pair.nowMs);
    pair.nowMs += 5000;
    alice.handleTimeout(pair.nowMs);
    expect(alice.deadline).toBeGreaterThan(pair.nowMs);
    expect(alice.current).toBeNull();
    expect(alice.routes(pair.nowMs)).toEqual([]);
  });

  it('keeps quiet towards addresses that it has not heard, and answers those it has', () => {
    const pair = new AgentPair(openToAll);
    pair.agents.alice.setNat(OPEN_BUT_MOVING, 0);
    expose(pair);
    pair.run(500);
    const toBob = pair.sentTo.filter(({ side, to }) => side === 'alice' && to === BOB);
    expect(toBob[0]!.hopLimit).toBeUndefined();
    const firstCheck = pair.sentTo.find(({ to, hopLimit }) => to === ALICE && hopLimit === undefined)!;
    expect(toBob[0]!.atMs).toBe(firstCheck.atMs + DIRECT_DELAY_MS);
    expect(pair.agents.alice.current!.kind).toBe('direct');
  });

  it('has one of two begin that would keep quiet', () => {
    const pair = new AgentPair(openToAll);
    for (const side of ['alice', 'bob'] as const) pair.agents[side].setNat(OPEN_BUT_MOVING, 0);
    expose(pair);
    pair.run(300);
    expect(pair.agents.alice.current!.kind).toBe('direct');
    const checks = pair.sentTo.filter(({ to }) => to !== RELAY);
    expect(checks[0]!.side).toBe('alice');
  });

  it('gives a peer time for a slow network before it checks without having heard of it', () => {
    const pair = new AgentPair(() => null);
    pair.run(500);
    const { alice } = pair.agents;
    for (const path of alice.routes(pair.nowMs)) path.rttMs = 300;
    alice.setCandidates([{ kind: 'host', address: ALICE }]);
    alice.expose(pair.nowMs);
    alice.handleTold({ seq: 1, ack: 0, flow: 2, candidates: [{ kind: 'host', address: BOB }] }, pair.nowMs);
    pair.run(1500);
    const [opening, check] = pair.sentTo.filter(({ to }) => to === BOB);
    expect(check!.atMs - opening!.atMs).toBe(600);
  });

  it('stays on a long path that lost a few frames, while pings are out that cannot have been answered yet', () => {
    const way = cones();
    let dead = false;
    const pair = new AgentPair((flight) => {
      const arrival = way(flight);
      return dead ? null : arrival && { ...arrival, delayMs: 160 };
    });
    pair.relayDelayMs = 160;
    pair.run(1000);
    expose(pair);
    pair.talk();
    pair.run(5000);
    dead = true;
    pair.run(60);
    dead = false;
    pair.run(5000);
    expect(pair.switches.filter(({ kind }) => kind === 'direct')).toHaveLength(2);
    expect(pair.switches.filter(({ reason }) => reason === 'silent')).toEqual([]);
  });
});

import { CHECK_HEADER_BYTES, readCheck, writeCheck, writeCheckDatagram } from '@overcall/wire';
import { describe, expect, it } from 'vitest';
import { ADDRESS, AgentPair, RELAY, talkingPair } from './agent-pair.test-support.ts';
import { mayCheck } from './candidate.ts';
import { MAX_UNANSWERED_CHECKS } from './check-budget.ts';
import { plainlySealed } from './plain-cipher.test-support.ts';

const { alice: ALICE, bob: BOB } = ADDRESS;
const VICTIM = '192.0.2.66:53';
/** Of an address that names or sends anew: more than that never happens in the whole call. */
const MOST_ADDRESSES = 256;

/** Of alice. */
const DIRECT_FLOW = 1;
/** Bob says what he likes. */
let counter = 1_000_000;
function bobSays(check: Parameters<typeof writeCheck>[0]): Uint8Array {
  return writeCheckDatagram(DIRECT_FLOW, counter++, plainlySealed(writeCheck(check), 2));
}
const ping = (misses = false) =>
  bobSays({ kind: 'ping', token: new Uint8Array(8), sentPackets: 0, misses, reflexive: null });
const pong = () => bobSays({ kind: 'pong', token: new Uint8Array(8), receivedPackets: 9, seen: null });

const kindOf = (datagram: Uint8Array) => readCheck(datagram.subarray(CHECK_HEADER_BYTES, -16))?.kind;
/** Of a kind, to an address, since then; those that die on the way are not counted. */
const sent = (pair: AgentPair, kind: 'ping' | 'pong', to: string): number =>
  pair.sentTo.filter(
    (each) =>
      each.side === 'alice' &&
      each.to === to &&
      each.hopLimit === undefined &&
      kindOf(each.datagram) === kind,
  ).length;

describe('a hostile peer or network', () => {
  it('changes nothing by checks that are forged, replayed or older than the window', () => {
    const pair = talkingPair();
    const { alice } = pair.agents;
    const before = alice.current;
    const arrivedMs = pair.nowMs - 100;
    const own = pair.sentTo
      .filter(({ side, to, hopLimit }) => side === 'bob' && to === ALICE && hopLimit === undefined)
      .filter(({ atMs }) => atMs < arrivedMs);
    expect(own.length).toBeGreaterThan(5);
    for (const { datagram } of own) {
      // From where somebody who reads along might be.
      expect(alice.handleCheck(0, VICTIM, datagram, pair.nowMs)).toBe(false);
      const forged = datagram.slice();
      forged[forged.length - 16]! ^= 1;
      expect(alice.handleCheck(0, VICTIM, forged, pair.nowMs)).toBe(false);
    }
    expect(alice.handleCheck(0, VICTIM, new Uint8Array(3), pair.nowMs)).toBe(false);
    expect(alice.counters.forgedChecks).toBe(2 * own.length + 1);
    expect(alice.poll()).toEqual([]);
    expect(alice.current).toBe(before);
    pair.run(2000);
    expect(sent(pair, 'ping', VICTIM) + sent(pair, 'pong', VICTIM)).toBe(0);
    expect(pair.longestGap('alice')).toBeLessThanOrEqual(20);
  });

  it('gets ten checks and ten pongs to an address it pretends to be at, and no audio there', () => {
    const pair = talkingPair();
    for (let i = 0; i < 500; i++) {
      pair.agents.alice.handleCheck(0, VICTIM, ping(true), pair.nowMs);
      pair.run(50);
    }
    expect(sent(pair, 'ping', VICTIM)).toBe(MAX_UNANSWERED_CHECKS);
    expect(sent(pair, 'pong', VICTIM)).toBe(MAX_UNANSWERED_CHECKS);
    expect(pair.audioTo.filter(({ to }) => to === VICTIM)).toEqual([]);
  });

  it('gets no more by having the victim forgotten and named again', () => {
    const pair = talkingPair();
    const { alice } = pair.agents;
    for (let round = 0; round < 30; round++) {
      // More than may be learned at a time, so that the victim is forgotten in each round.
      for (let port = 1; port <= 20; port++) alice.handleCheck(0, `192.0.2.1:${port}`, ping(), pair.nowMs);
      alice.handleCheck(0, VICTIM, ping(), pair.nowMs);
      const named = round % 2 === 0 ? [{ kind: 'host' as const, address: VICTIM }] : [];
      alice.handleTold({ seq: 100 + round, ack: 99, flow: 2, candidates: named }, pair.nowMs);
      pair.run(500);
    }
    expect(sent(pair, 'ping', VICTIM)).toBeLessThanOrEqual(MAX_UNANSWERED_CHECKS);
    expect(sent(pair, 'pong', VICTIM)).toBeLessThanOrEqual(MAX_UNANSWERED_CHECKS);
  });

  it('gets no more by the number of sockets', () => {
    const pair = talkingPair();
    const { alice } = pair.agents;
    for (const id of [5, 6, 7]) alice.addSocket({ id, family: 'ipv4' }, pair.nowMs);
    const candidates = [{ kind: 'host' as const, address: VICTIM }];
    alice.handleTold({ seq: 100, ack: 99, flow: 2, candidates }, pair.nowMs);
    pair.run(20_000);
    expect(sent(pair, 'ping', VICTIM)).toBe(MAX_UNANSWERED_CHECKS);
  });

  it('has some hundred addresses checked in a call at most, by checks from ever new ones', () => {
    const pair = talkingPair();
    const victims = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      const from = `198.18.${i >> 8}.${i & 255}:7`;
      victims.add(from);
      pair.agents.alice.handleCheck(0, from, ping(true), pair.nowMs);
      pair.run(20);
    }
    const reached = pair.sentTo.filter(({ to }) => victims.has(to));
    expect(new Set(reached.map(({ to }) => to)).size).toBe(MOST_ADDRESSES);
    expect(reached.length).toBeLessThanOrEqual(MOST_ADDRESSES * (1 + 2 * MAX_UNANSWERED_CHECKS));
    expect(pair.audioTo.filter(({ to }) => victims.has(to))).toEqual([]);
    // The call does not suffer.
    expect(pair.agents.alice.current).toMatchObject({ kind: 'direct', remote: BOB });
    expect(pair.longestGap('alice')).toBeLessThanOrEqual(20);
  });

  it('proves no address by pongs that answer nothing', () => {
    const pair = talkingPair();
    const { alice } = pair.agents;
    for (let i = 0; i < 300; i++) {
      alice.handleCheck(0, VICTIM, pong(), pair.nowMs);
      pair.run(20);
    }
    expect(alice.counters.strayPongs).toBe(300);
    expect(pair.audioTo.filter(({ to }) => to === VICTIM)).toEqual([]);
    expect(sent(pair, 'pong', VICTIM)).toBe(0);
  });

  it('proves no address by a pong to a ping that went elsewhere', () => {
    const pair = talkingPair();
    const { alice } = pair.agents;
    const lastPing = pair.sentTo.findLast(({ side, to, datagram }) => {
      return side === 'alice' && to === RELAY && kindOf(datagram) === 'ping';
    });
    const check = readCheck(lastPing!.datagram.subarray(CHECK_HEADER_BYTES, -16));
    if (check?.kind !== 'ping') throw new Error('no ping');
    const answer = { kind: 'pong', token: check.token, receivedPackets: 9, seen: null } as const;
    alice.handleCheck(0, VICTIM, bobSays(answer), pair.nowMs);
    pair.run(2000);
    expect(alice.counters.strayPongs).toBeGreaterThan(0);
    expect(pair.audioTo.filter(({ to }) => to === VICTIM)).toEqual([]);
  });

  it.each([
    '127.0.0.1:4000',
    '10.1.2.3:4000',
    '192.168.1.1:4000',
    '100.64.0.1:4000',
    '169.254.169.254:80',
    '224.0.0.251:5353',
    '255.255.255.255:9',
    '0.0.0.0:9',
    '240.0.0.1:9',
    '198.51.100.7:0',
  ])('does not have %s checked, named or pretended', (address) => {
    const pair = new AgentPair(
      () => null,
      (each) => mayCheck(each, ['192.0.2.0/24']),
    );
    const { alice } = pair.agents;
    alice.expose(0);
    alice.handleTold({ seq: 1, ack: 1, flow: 2, candidates: [{ kind: 'host', address }] }, 0);
    pair.run(1000);
    expect(alice.handleCheck(0, address, ping(true), pair.nowMs)).toBe(false);
    pair.run(5000);
    expect(pair.sentTo.filter(({ side, to }) => side === 'alice' && to !== RELAY)).toEqual([]);
  });
});

import { CHECK_HEADER_BYTES, type Check, readCheck, writeCheck, writeCheckDatagram } from '@overcall/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { NatBehaviour } from '../nat-behaviour.ts';
import { AgentPair, RELAY } from './agent-pair.test-support.ts';
import { type Path, pathKey } from './path.ts';

/** Of alice; her path agent is played with, and whoever has bob's keys says whatever comes to mind, from anywhere. */
const DIRECT_FLOW = 1;
const HOST = '198.51.100.2';
const ADDRESSES = [`${HOST}:5000`, `${HOST}:5001`, `${HOST}:40000`, '192.0.2.66:53', '203.0.113.7:4000'];
const SOCKETS = [0, 10, 11];

const ports = fc.constantFrom<NatBehaviour['ports']>(
  { kind: 'preserved' },
  { kind: 'sequential', step: 1 },
  { kind: 'random' },
  { kind: 'random', first: 5000, last: 5001 },
  { kind: 'block', first: 5000, last: 5063 },
);
const nat: fc.Arbitrary<NatBehaviour> = fc.record({
  mapping: fc.constantFrom('eim' as const, 'adm' as const, 'apdm' as const, 'unknown' as const),
  filtering: fc.constantFrom('eif' as const, 'adf' as const, 'apdf' as const, 'unknown' as const),
  ports,
});
const CONE: NatBehaviour = { mapping: 'eim', filtering: 'apdf', ports: { kind: 'preserved' } };
const RANDOM: NatBehaviour = { mapping: 'apdm', filtering: 'apdf', ports: { kind: 'random' } };
const address = fc.constantFrom(...ADDRESSES);
const socket = fc.constantFrom(...SOCKETS);
/** Which of the checks that were sent, counted from the last. */
const back = fc.nat({ max: 30 });
/** An answer that comes from where the check went, to where that came from. */
const right = fc.constant(true as const);

type Action =
  | { type: 'ping'; from: string; socket: number; misses: boolean }
  /** An answer to one of her checks. */
  | { type: 'pong'; back: number; from: string | true; socket: number }
  | { type: 'stray-pong'; from: string; socket: number }
  | { type: 'again'; back: number; from: string; socket: number }
  | { type: 'forged'; back: number; from: string; socket: number }
  | { type: 'media'; from: string; socket: number }
  | { type: 'told'; named: string[]; nat: NatBehaviour; ports: number[] }
  | { type: 'own-nat'; nat: NatBehaviour }
  | { type: 'opened'; sockets: number[] }
  | { type: 'measured'; mapped: string }
  | { type: 'confirmed'; isConfirmed: boolean }
  | { type: 'network-change' }
  | { type: 'relay'; works: boolean }
  | { type: 'wait'; ms: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ type: fc.constant('ping' as const), from: address, socket, misses: fc.boolean() }),
  fc.record({
    type: fc.constant('pong' as const),
    back,
    from: fc.oneof(address, right, right),
    socket,
  }),
  fc.record({ type: fc.constant('stray-pong' as const), from: address, socket }),
  fc.record({ type: fc.constant('again' as const), back, from: address, socket }),
  fc.record({ type: fc.constant('forged' as const), back, from: address, socket }),
  fc.record({ type: fc.constant('media' as const), from: address, socket }),
  fc.record({
    type: fc.constant('told' as const),
    named: fc.subarray(ADDRESSES),
    nat,
    ports: fc.subarray([5000, 5001, 40_000]),
  }),
  fc.record({ type: fc.constant('own-nat' as const), nat }),
  fc.record({ type: fc.constant('opened' as const), sockets: fc.subarray([10, 11]) }),
  fc.record({ type: fc.constant('measured' as const), mapped: fc.constant('198.51.100.1:6000') }),
  fc.record({ type: fc.constant('confirmed' as const), isConfirmed: fc.boolean() }),
  fc.record({ type: fc.constant('network-change' as const) }),
  fc.record({ type: fc.constant('relay' as const), works: fc.boolean() }),
  fc.record({ type: fc.constant('wait' as const), ms: fc.nat({ max: 1500 }) }),
);

/** Alice's agent, and an account of what was proven to her. */
class Play {
  readonly pair = new AgentPair(() => null);
  /** Keys of paths of which a check that went out there came back from there, as only the peer can answer it. */
  readonly proven = new Set<string>();
  readonly #said: Uint8Array[] = [];
  readonly #answered = new Set<Uint8Array>();
  #counter = 1_000_000;
  #seq = 0;

  /** @param peer what bob says of his NAT at first: at ports by chance she sprays */
  constructor(peer: NatBehaviour) {
    this.#alice.setNat(CONE, 0);
    this.#alice.setCandidates([{ kind: 'server-reflexive', address: '198.51.100.1:4000' }]);
    this.#alice.expose(0);
    this.pair.run(100);
    this.pair.talk();
    this.#tell({ type: 'told', named: ADDRESSES.slice(0, 2), nat: peer, ports: [] });
    this.#alice.handleConfirmed(HOST, true, this.pair.nowMs);
    this.pair.run(200);
  }

  get #alice() {
    return this.pair.agents.alice;
  }

  /** Direct paths on which her audio goes. */
  get inUse(): Path[] {
    const { current } = this.#alice;
    const paths = [...this.#alice.routes(this.pair.nowMs), ...(current === null ? [] : [current])];
    return paths.filter(({ isDirect }) => isDirect);
  }

  /** Checks that she has sent to addresses of the peer, which have not been answered yet. */
  get #asked() {
    return this.pair.sentTo.flatMap(({ side, socket: from, to, datagram }) => {
      const check = readCheck(datagram.subarray(CHECK_HEADER_BYTES, -16));
      const isOpen =
        side === 'alice' && to !== RELAY && check?.kind === 'ping' && !this.#answered.has(datagram);
      return isOpen ? [{ socket: from, to, datagram, token: check.token }] : [];
    });
  }

  #hear(check: Check, from: string, to: number, isForged = false): void {
    const plaintext = writeCheck(check);
    const sealed = new Uint8Array(plaintext.length + 16);
    sealed.set(plaintext);
    sealed[plaintext.length] = isForged ? 3 : 2;
    const datagram = writeCheckDatagram(DIRECT_FLOW, this.#counter++, sealed);
    this.#said.push(datagram);
    this.#alice.handleCheck(to, from, datagram, this.pair.nowMs);
  }

  #answer(at: number, from: string | true, to: number, isForged = false): void {
    const all = this.#asked;
    const asked = all.at(-1 - (at % Math.max(1, all.length)));
    if (asked === undefined) return;
    const [source, target] = from === true ? [asked.to, asked.socket] : [from, to];
    this.#hear(pong(asked.token), source, target, isForged);
    if (isForged) return;
    // A token counts once, wherever the answer comes from.
    this.#answered.add(asked.datagram);
    if (source === asked.to && target === asked.socket) this.proven.add(pathKey(target, source));
  }

  act(next: Action): void {
    const { pair } = this;
    const { nowMs } = pair;
    if (next.type === 'ping') this.#hear(ping(next.misses), next.from, next.socket);
    else if (next.type === 'pong') this.#answer(next.back, next.from, next.socket);
    else if (next.type === 'forged') this.#answer(next.back, next.from, next.socket, true);
    else if (next.type === 'stray-pong') this.#hear(pong(new Uint8Array(8)), next.from, next.socket);
    else if (next.type === 'again') {
      const datagram = this.#said.at(-1 - next.back);
      if (datagram !== undefined) this.#alice.handleCheck(next.socket, next.from, datagram, nowMs);
    } else if (next.type === 'media') this.#alice.handleMedia(DIRECT_FLOW, next.socket, next.from, 0, nowMs);
    else if (next.type === 'told') this.#tell(next);
    else if (next.type === 'own-nat') this.#alice.setNat(next.nat, nowMs);
    else if (next.type === 'opened')
      this.#alice.handleOpened(
        next.sockets.map((each) => ({ socket: each, localPort: 50_000 + each })),
        nowMs,
      );
    else if (next.type === 'measured') this.#alice.handleMeasured(next.mapped, nowMs);
    else if (next.type === 'confirmed') this.#alice.handleConfirmed(HOST, next.isConfirmed, nowMs);
    else if (next.type === 'network-change') this.#alice.handleNetworkChange(nowMs);
    else if (next.type === 'relay') pair.relayWorks = next.works;
    else pair.run(next.ms);
    pair.run(0);
  }

  #tell({ named, nat: behaviour, ports: guessed }: Extract<Action, { type: 'told' }>): void {
    const seq = ++this.#seq;
    this.#alice.handleTold(
      {
        ...{ seq: 1000 + seq, ack: 1000, flow: 2, nat: behaviour },
        candidates: named.map((each) => ({ kind: 'server-reflexive' as const, address: each })),
        ...(guessed.length === 0 ? {} : { guess: { round: seq, address: HOST, ports: guessed } }),
      },
      this.pair.nowMs,
    );
  }
}

const ping = (misses: boolean): Check => ({
  kind: 'ping',
  token: new Uint8Array(8),
  sentPackets: 0,
  misses,
  reflexive: null,
});
const pong = (token: Uint8Array): Check => ({ kind: 'pong', token, receivedPackets: 9, seen: null });

it('no order of late, doubled, forged and strayed checks brings audio to where nothing was proven', () => {
  let directs = 0;
  let sprays = 0;
  fc.assert(
    fc.property(
      fc.oneof(nat, fc.constant(RANDOM)),
      fc.array(action, { minLength: 10, maxLength: 80 }),
      (peer, actions) => {
        const play = new Play(peer);
        let wasDirect = false;
        for (const next of actions) {
          play.act(next);
          for (const path of play.inUse) expect([...play.proven]).toContain(path.key);
          wasDirect ||= play.inUse.length > 0;
        }
        if (wasDirect) directs++;
        if (play.pair.sentTo.filter(({ side, to }) => side === 'alice' && to !== RELAY).length > 200)
          sprays++;
      },
    ),
    { numRuns: 150 },
  );
  // It was tried in earnest.
  expect(directs).toBeGreaterThan(15);
  expect(sprays).toBeGreaterThan(5);
});

it('whose port of ordinary checks is guessed proves that path, too, instead of waiting for one of the fresh sockets to be hit', () => {
  const play = new Play(CONE);
  play.act({ type: 'own-nat', nat: RANDOM });
  play.act({ type: 'wait', ms: 100 });
  const checks = () =>
    play.pair.sentTo.filter(
      ({ side, to, hopLimit }) => side === 'alice' && to === ADDRESSES[0] && hopLimit === undefined,
    );
  const before = checks().length;
  play.act({ type: 'ping', from: ADDRESSES[0]!, socket: 0, misses: false });
  expect(
    checks()
      .slice(before)
      .map(({ datagram }) => readCheck(datagram.subarray(CHECK_HEADER_BYTES, -16))?.kind),
  ).toEqual(['pong', 'ping']);
});

/** Of agent-pair.test-support.ts. */
const RELAY_RTT_MS = 50;

it('a way that carries datagrams in one direction only is never used, however late they come', () => {
  const way = fc.option(fc.nat({ max: 400 }), { nil: null });
  fc.assert(
    fc.property(way, way, fc.boolean(), (thereMs, backMs, isLate) => {
      const address = { alice: '198.51.100.1:4000', bob: '198.51.100.2:5000' };
      let turn = 0;
      const pair = new AgentPair(({ from, to, hopLimit }) => {
        const delayMs = from === 'alice' ? thereMs : backMs;
        const peer = from === 'alice' ? 'bob' : 'alice';
        if (delayMs === null || hopLimit !== undefined || to !== address[peer]) return null;
        return { seenFrom: address[from], delayMs: delayMs + (isLate ? 100 * (turn++ % 7) : 0) };
      });
      for (const side of ['alice', 'bob'] as const) {
        pair.agents[side].setCandidates([{ kind: 'server-reflexive', address: address[side] }]);
        pair.agents[side].expose(0);
      }
      pair.run(500);
      pair.talk();
      pair.run(5000);
      const wasDirect = pair.switches.some(({ kind }) => kind === 'direct');
      if (thereMs === null || backMs === null) expect(wasDirect).toBe(false);
      else if (thereMs + backMs < RELAY_RTT_MS && !isLate) expect(wasDirect).toBe(true);
    }),
    { numRuns: 60 },
  );
});

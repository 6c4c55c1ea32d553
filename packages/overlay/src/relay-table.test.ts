import { createHmac } from 'node:crypto';
import {
  BIND_ACK_BYTES,
  BIND_CHALLENGE_BYTES,
  BIND_REQUEST_BYTES,
  COOKIE_BYTES,
  DatagramType,
  readBindAck,
  readBindChallenge,
  writeBindRequest,
  writeMedia,
} from '@overcall/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressPolicy } from './address-policy.ts';
import { FIRST_CONNECTION, type RelaySource } from './relay-flows.ts';
import {
  DEFAULT_RELAY_LIMITS,
  IDLE_EXPIRY_MS,
  PENDING_EXPIRY_MS,
  type RelayLimits,
  UNBOUND_EXPIRY_MS,
} from './relay-limits.ts';
import { type DatagramResult, RelayTable } from './relay-table.ts';

const hmacSha256 = (key: Uint8Array, bytes: Uint8Array) =>
  new Uint8Array(createHmac('sha256', key).update(bytes).digest());

/** Deterministic: each call gives other bytes. */
function countingRandom(): (length: number) => Uint8Array {
  let calls = 0;
  return (length) => new Uint8Array(length).fill(++calls);
}

const A_FLOW = 0xaaaa0001;
const B_FLOW = 0xbbbb0002;
const at = (address: string, port: number, socket = 0): RelaySource => ({ address, port, socket });
const A = at('198.51.100.1', 1001);
const B = at('203.0.113.1', 2002);
const STRANGER = at('192.0.2.66', 666);

interface Party {
  source: RelaySource;
  sendFlow: number;
  bindKey: Uint8Array;
}

class Relay {
  nowMs = 0;
  readonly table: RelayTable<string>;

  constructor(limits: Partial<RelayLimits> = {}) {
    this.table = new RelayTable<string>({
      limits: { ...DEFAULT_RELAY_LIMITS, ...limits },
      crypto: { hmacSha256, randomBytes: countingRandom() },
      mayRelayTo: addressPolicy(),
      nowMs: 0,
    });
  }

  openA(ticket = 'a', peer = 'bob', confirmable = false) {
    return this.table.open(
      { party: 'alice', peer, receiveFlow: A_FLOW, sendFlow: B_FLOW, ticket, confirmable },
      this.nowMs,
    );
  }

  openB(ticket = 'b', confirmable = false) {
    return this.table.open(
      { party: 'bob', peer: 'alice', receiveFlow: B_FLOW, sendFlow: A_FLOW, ticket, confirmable },
      this.nowMs,
    );
  }

  /** Opens from both sides; what each knows afterwards. */
  opened(): { a: Party; b: Party } {
    this.openA();
    const result = this.openB();
    if (result.kind !== 'opened') throw new Error(result.kind);
    const keyOf = (ticket: string) => result.bindKeys.find((each) => each.ticket === ticket)!.bindKey;
    return {
      a: { source: A, sendFlow: B_FLOW, bindKey: keyOf('a') },
      b: { source: B, sendFlow: A_FLOW, bindKey: keyOf('b') },
    };
  }

  handle(source: RelaySource, datagram: Uint8Array): DatagramResult {
    return this.table.handleDatagram(source, datagram, this.nowMs);
  }

  bindRequest(party: Party, sequence: bigint, cookie: Uint8Array = new Uint8Array(COOKIE_BYTES)) {
    return writeBindRequest({ flowId: party.sendFlow, sequence, cookie }, (bytes) =>
      hmacSha256(party.bindKey, bytes),
    );
  }

  /** The cookie that a party's source draws. */
  cookieFor(party: Party, sequence = 1n): Uint8Array {
    const result = this.handle(party.source, this.bindRequest(party, sequence));
    if (result.kind !== 'reply') throw new Error(JSON.stringify(result));
    return readBindChallenge(result.datagram)!.cookie;
  }

  bind(party: Party, sequence = 1n): DatagramResult {
    const cookie = this.cookieFor(party, sequence);
    return this.handle(party.source, this.bindRequest(party, sequence, cookie));
  }

  bound(): { a: Party; b: Party } {
    const parties = this.opened();
    this.bind(parties.a);
    this.bind(parties.b);
    return parties;
  }

  media(party: Party, from = party.source, bytes = 60): DatagramResult {
    return this.handle(from, mediaOn(party.sendFlow, bytes));
  }
}

const mediaOn = (flowId: number, bytes = 60) => writeMedia(flowId, 7, new Uint8Array(bytes).fill(3));
const drop = (reason: string) => ({ kind: 'drop', reason });

describe('where a peer is bound', () => {
  it('is confirmed to the other party of the flow, by address alone, and to nobody else', () => {
    const relay = new Relay();
    const asks = (party: string, address: string) =>
      relay.table.isPeerBoundFrom(
        {
          party,
          receiveFlow: party === 'alice' ? A_FLOW : B_FLOW,
          sendFlow: party === 'alice' ? B_FLOW : A_FLOW,
        },
        address,
      );
    const { a, b } = relay.opened();
    expect(asks('alice', B.address)).toBe(false);
    relay.bind(a);
    relay.bind(b);
    // Neither has said that the other may know: not even a right guess is borne out.
    expect([asks('alice', B.address), asks('bob', A.address)]).toEqual([false, false]);
    relay.openB('b', true);
    expect([asks('alice', B.address), asks('bob', A.address)]).toEqual([true, false]);
    relay.openA('a', 'bob', true);
    // Once said it holds, also when the relay is asked again for another reason.
    relay.openA();
    relay.openB();
    expect(asks('alice', B.address)).toBe(true);
    expect(asks('bob', A.address)).toBe(true);
    expect(asks('alice', A.address)).toBe(false);
    // Over TCP it may be a proxy, which nobody is to aim at.
    relay.bind({ ...b, source: at(B.address, 4433, FIRST_CONNECTION) }, 2n);
    expect(asks('alice', B.address)).toBe(false);
    relay.bind(b, 3n);
    expect(asks('alice', '203.0.113.2')).toBe(false);
    expect(
      relay.table.isPeerBoundFrom({ party: 'mallory', receiveFlow: A_FLOW, sendFlow: B_FLOW }, B.address),
    ).toBe(false);
  });
});

describe('opening a relay flow', () => {
  it('waits for the other party, then gives each its own key', () => {
    const relay = new Relay();
    expect(relay.openA()).toEqual({ kind: 'waiting', shed: null });
    expect(relay.table.pending).toBe(1);
    const result = relay.openB();
    expect(result.kind).toBe('opened');
    const keys = result.kind === 'opened' ? result.bindKeys : [];
    expect(keys.map((key) => key.ticket).sort()).toEqual(['a', 'b']);
    expect(keys.map((key) => key.bindKey.length)).toEqual([32, 32]);
    expect(keys[0]!.bindKey).not.toEqual(keys[1]!.bindKey);
    expect([relay.table.pending, relay.table.allocations]).toEqual([0, 1]);
  });

  it('needs both to name each other', () => {
    const relay = new Relay();
    relay.openA('a', 'carol');
    expect(relay.openB()).toEqual({ kind: 'waiting', shed: null });
    expect(relay.table.allocations).toBe(0);
  });

  it('gives a party that asks again the same key, on its new connection', () => {
    const relay = new Relay();
    const { a } = relay.opened();
    expect(relay.openA('a-again')).toEqual({
      kind: 'opened',
      bindKeys: [{ ticket: 'a-again', bindKey: a.bindKey }],
    });
    expect(relay.openA('a', 'carol')).toEqual({ kind: 'refused', code: 'flow-in-use' });
  });

  it('refuses one flow id for both directions', () => {
    const request = { party: 'alice', peer: 'alice', receiveFlow: 5, sendFlow: 5, ticket: 'x' };
    expect(new Relay().table.open(request, 0)).toEqual({ kind: 'refused', code: 'flow-in-use' });
  });

  it('bounds the flows of a party, of an id and in all', () => {
    const open = (relay: Relay, party: string, receiveFlow: number, sendFlow: number) =>
      relay.table.open({ party, peer: 'z', receiveFlow, sendFlow, ticket: '' }, 0);
    const perParty = new Relay({ maxFlowsPerParty: 2 });
    expect([1, 2, 3].map((i) => open(perParty, 'p', i, 100 + i).kind)).toEqual([
      'waiting',
      'waiting',
      'refused',
    ]);
    const perId = new Relay();
    const results = Array.from({ length: 9 }, (_, i) => open(perId, `p${i}`, i, 100).kind);
    expect(results.filter((kind) => kind === 'waiting')).toHaveLength(8);
    const inAll = new Relay({ maxAllocations: 1 });
    inAll.opened();
    expect(open(inAll, 'p', 1, 2)).toEqual({ kind: 'refused', code: 'overloaded' });
  });

  it('lets whoever has most opens waiting give way when there is no room', () => {
    const relay = new Relay({ maxPending: 4 });
    const open = (party: string, flow: number) =>
      relay.table.open({ party, peer: 'z', receiveFlow: flow, sendFlow: 100 + flow, ticket: `${flow}` }, 0);
    for (const flow of [1, 2, 3]) open('mallory', flow);
    open('eve', 4);
    expect(open('mallory', 5)).toEqual({ kind: 'refused', code: 'overloaded' });
    expect(relay.openA()).toEqual({ kind: 'waiting', shed: '1' });
    expect(relay.table.pending).toBe(4);
    expect(relay.openB()).toMatchObject({ kind: 'opened' });
    expect([relay.table.pending, relay.table.allocations]).toEqual([3, 1]);
  });

  it('takes an answer to a waiting open although there is no room for another', () => {
    const relay = new Relay({ maxPending: 1 });
    relay.openA();
    expect(relay.openB()).toMatchObject({ kind: 'opened' });
  });

  it('stays open to one user while 125 others wait for nobody', () => {
    const relay = new Relay();
    for (let flow = 1; flow <= 2000; flow++) {
      const party = `mallory${flow % 125}`;
      relay.table.open({ party, peer: 'z', receiveFlow: flow, sendFlow: 10_000 + flow, ticket: '' }, 0);
    }
    expect(relay.table.pending).toBe(2000);
    relay.openA();
    expect(relay.openB()).toMatchObject({ kind: 'opened' });
  });

  it('refuses new flows, and carries the old ones, when nearly all bytes are spent', () => {
    const relay = new Relay({ totalBytes: { perSecond: 1, burst: 1000 } });
    const { a } = relay.bound();
    for (let i = 0; i < 12; i++) expect(relay.media(a, a.source, 60).kind).toBe('forward');
    expect(relay.table.open({ party: 'p', peer: 'q', receiveFlow: 1, sendFlow: 2, ticket: '' }, 0)).toEqual({
      kind: 'refused',
      code: 'overloaded',
    });
    expect(relay.media(a).kind).toBe('forward');
  });
});

describe('binding a source', () => {
  it('challenges first, then acknowledges under the bind key', () => {
    const relay = new Relay();
    const { a } = relay.opened();
    const first = relay.handle(a.source, relay.bindRequest(a, 4n));
    const challenge = first.kind === 'reply' ? readBindChallenge(first.datagram)! : null;
    expect(challenge).toMatchObject({ flowId: a.sendFlow, echo: 4n });
    const second = relay.handle(a.source, relay.bindRequest(a, 5n, challenge!.cookie));
    const ack = second.kind === 'reply' ? readBindAck(second.datagram)! : null;
    expect(ack).toMatchObject({ flowId: a.sendFlow, sequence: 5n });
    const ackBytes = (second as { datagram: Uint8Array }).datagram;
    expect(ack!.mac).toEqual(hmacSha256(a.bindKey, ackBytes.subarray(0, 13)).subarray(0, 16));
  });

  it('takes a cookie only from the source that drew it', () => {
    const relay = new Relay();
    const { a } = relay.opened();
    const cookie = relay.cookieFor(a);
    const elsewhere = [
      { ...A, port: A.port + 1 },
      { ...A, address: '198.51.100.2' },
    ];
    for (const source of elsewhere) {
      const result = relay.handle(source, relay.bindRequest(a, 2n, cookie));
      expect((result as { datagram: Uint8Array }).datagram[0]).toBe(DatagramType.BindChallenge);
    }
    expect(relay.media(a, elsewhere[0]!)).toMatchObject({ kind: 'reply' });
  });

  it('lets cookies grow old', () => {
    const relay = new Relay();
    const { a } = relay.opened();
    const cookie = relay.cookieFor(a);
    const answerType = () =>
      (relay.handle(a.source, relay.bindRequest(a, 2n, cookie)) as { datagram: Uint8Array }).datagram[0];
    relay.nowMs = 59_999;
    expect(answerType()).toBe(DatagramType.BindAck);
    relay.nowMs = 60_000;
    expect(answerType()).toBe(DatagramType.BindAck);
    relay.nowMs = 120_000;
    expect(answerType()).toBe(DatagramType.BindChallenge);
  });

  it('says nothing to a request with a wrong key', () => {
    const relay = new Relay();
    const { a, b } = relay.opened();
    const forged = relay.bindRequest({ ...a, bindKey: b.bindKey }, 1n);
    expect(relay.handle(a.source, forged)).toEqual(drop('bad-mac'));
    expect(relay.handle(a.source, relay.bindRequest({ ...a, sendFlow: 1 }, 1n))).toEqual(
      drop('unknown-flow'),
    );
  });

  it('acknowledges a repeated request again, and ignores older ones', () => {
    const relay = new Relay();
    const { a } = relay.opened();
    const cookie = relay.cookieFor(a);
    const request = relay.bindRequest(a, 9n, cookie);
    expect(relay.handle(a.source, request).kind).toBe('reply');
    expect(relay.handle(a.source, request).kind).toBe('reply');
    expect(relay.handle(a.source, relay.bindRequest(a, 8n, cookie))).toEqual(drop('old-sequence'));
  });

  it('moves with a rebind; a replayed older bind does not move it back', () => {
    const relay = new Relay();
    const { a, b } = relay.bound();
    const oldBind = relay.bindRequest(a, 1n, relay.cookieFor(a));
    const moved = { ...a, source: { ...A, port: 5555 } };
    expect(relay.bind(moved, 2n).kind).toBe('reply');
    expect(relay.media(b)).toMatchObject({ kind: 'forward', to: moved.source });
    expect(relay.handle(A, oldBind)).toEqual(drop('old-sequence'));
    expect(relay.media(b)).toMatchObject({ kind: 'forward', to: moved.source });
    expect(relay.media(a, A)).toMatchObject({ kind: 'reply' });
  });

  it('moves between UDP and a connection and back, and takes what is still under way on the other', () => {
    const relay = new Relay();
    const { a, b } = relay.bound();
    const streamed = { ...a, source: at(A.address, 4433, FIRST_CONNECTION + 5) };
    expect(relay.media(a, streamed.source)).toMatchObject({ kind: 'reply' });
    expect(relay.bind(streamed, 2n).kind).toBe('reply');
    expect(relay.media(b)).toMatchObject({ kind: 'forward', to: streamed.source });
    for (const from of [A, streamed.source])
      expect(relay.media(a, from)).toMatchObject({ kind: 'forward', to: B });
    expect(relay.bind(a, 3n).kind).toBe('reply');
    expect(relay.media(b)).toMatchObject({ kind: 'forward', to: A });
    const next = { ...a, source: at(A.address, 4434, FIRST_CONNECTION + 6) };
    expect(relay.bind(next, 4n).kind).toBe('reply');
    expect(relay.media(a, streamed.source)).toMatchObject({ kind: 'reply' });
    expect(relay.media(a, A).kind).toBe('forward');
  });

  it('takes a cookie that was drawn over UDP from no connection with the same address and port', () => {
    const relay = new Relay();
    const { a } = relay.opened();
    const request = relay.bindRequest(a, 2n, relay.cookieFor(a));
    const answer = relay.handle({ ...A, socket: FIRST_CONNECTION }, request);
    expect((answer as { datagram: Uint8Array }).datagram[0]).toBe(DatagramType.BindChallenge);
  });

  it('refuses sources that must not be relayed to', () => {
    const relay = new Relay();
    const { a } = relay.opened();
    for (const address of ['127.0.0.1', '10.0.0.1', '0.0.0.0', '::1', '::ffff:127.0.0.1']) {
      expect(relay.handle(at(address, 9), relay.bindRequest(a, 1n))).toEqual(drop('refused-address'));
    }
  });
});

describe('forwarding', () => {
  it('gives the very same bytes to the other party, in both directions', () => {
    const relay = new Relay();
    const { a, b } = relay.bound();
    const datagram = mediaOn(a.sendFlow);
    const copy = new Uint8Array(datagram);
    const result = relay.handle(a.source, datagram);
    expect(result).toEqual({ kind: 'forward', to: b.source, datagram: copy });
    expect(relay.media(b)).toMatchObject({ kind: 'forward', to: a.source });
  });

  it('forwards checks like media', () => {
    const relay = new Relay();
    const { a, b } = relay.bound();
    const check = mediaOn(a.sendFlow);
    check[0] = DatagramType.Check;
    expect(relay.handle(a.source, check)).toMatchObject({ kind: 'forward', to: b.source });
  });

  it('answers from the socket on which the other party bound', () => {
    const relay = new Relay();
    const { a, b } = relay.opened();
    relay.bind(a);
    relay.bind({ ...b, source: { ...B, socket: 1 } });
    expect(relay.media(a)).toMatchObject({ kind: 'forward', to: { socket: 1 } });
  });

  it('drops what comes before the other party has bound', () => {
    const relay = new Relay();
    const { a } = relay.opened();
    relay.bind(a);
    expect(relay.media(a)).toEqual(drop('peer-unbound'));
  });

  it('is shaped for voice: a call passes, a tunnel does not', () => {
    const relay = new Relay();
    const { a } = relay.bound();
    let forwarded = 0;
    for (let packet = 0; packet < 50 * 60; packet++) {
      relay.nowMs = packet * 20;
      if (relay.media(a, a.source, 176).kind === 'forward') forwarded++;
    }
    expect(forwarded).toBe(3000);
    const startMs = relay.nowMs;
    let bytes = 0;
    for (let packet = 0; packet < 10_000; packet++) {
      relay.nowMs = startMs + packet;
      if (relay.media(a, a.source, 1200).kind === 'forward') bytes += 1207;
    }
    expect(bytes).toBeLessThanOrEqual(10 * 20_000 + 20_000);
  });

  it('drops what is too short, too long or of another kind', () => {
    const relay = new Relay();
    const { a } = relay.bound();
    expect(relay.handle(a.source, mediaOn(a.sendFlow).subarray(0, 22))).toEqual(drop('malformed'));
    expect(relay.handle(a.source, mediaOn(a.sendFlow, 1226))).toEqual(drop('malformed'));
    expect(relay.handle(a.source, mediaOn(a.sendFlow, 1225)).kind).toBe('forward');
    expect(relay.handle(a.source, new Uint8Array([99]))).toEqual(drop('malformed'));
    expect(relay.handle(a.source, new Uint8Array(0))).toEqual(drop('malformed'));
  });

  it('tells a client whose NAT rebound at once, within limits', () => {
    const limits = { perPrefix: { perSecond: 1, burst: 2 }, all: { perSecond: 100, burst: 100 } };
    const relay = new Relay({ unboundChallenges: limits });
    const { a } = relay.bound();
    const rebound = { ...A, port: 4444 };
    const results = [1, 2, 3].map(() => relay.media(a, rebound));
    expect(results.map(({ kind }) => kind)).toEqual(['reply', 'reply', 'drop']);
    expect(relay.media(a, { ...rebound, address: '198.51.100.77' })).toEqual(drop('challenge-limited'));
    const short = mediaOn(a.sendFlow, 16);
    relay.nowMs = 10_000;
    expect(relay.handle(rebound, short)).toEqual(drop('unbound-source'));
    const challenge = readBindChallenge((results[0] as { datagram: Uint8Array }).datagram)!;
    expect(challenge.echo).toBe(0n);
    const again = relay.handle(rebound, relay.bindRequest(a, 2n, challenge.cookie));
    expect((again as { datagram: Uint8Array }).datagram).toHaveLength(BIND_ACK_BYTES);
    expect(relay.media(a, rebound).kind).toBe('forward');
  });

  it('says nothing about flows that do not exist', () => {
    expect(new Relay().handle(STRANGER, mediaOn(123))).toEqual(drop('unknown-flow'));
  });
});

describe('expiry', () => {
  it('ends an open that nobody answered, and says whose it was', () => {
    const relay = new Relay();
    relay.openA();
    expect(relay.table.handleTimeout(PENDING_EXPIRY_MS - 1).unanswered).toEqual([]);
    expect(relay.table.handleTimeout(PENDING_EXPIRY_MS + 1000).unanswered).toEqual(['a']);
    expect([relay.table.pending, relay.table.nextDeadline]).toEqual([0, null]);
  });

  it('ends an allocation that one party never bound', () => {
    const relay = new Relay();
    relay.bind(relay.opened().a);
    relay.table.handleTimeout(UNBOUND_EXPIRY_MS - 1);
    expect(relay.table.allocations).toBe(1);
    relay.table.handleTimeout(UNBOUND_EXPIRY_MS + 1000);
    expect(relay.table.allocations).toBe(0);
  });

  it('ends a flow that is idle from both sides, not one that is used by one', () => {
    const relay = new Relay();
    const { a } = relay.bound();
    relay.nowMs = IDLE_EXPIRY_MS - 1000;
    relay.media(a);
    relay.table.handleTimeout(IDLE_EXPIRY_MS + 5000);
    expect(relay.table.allocations).toBe(1);
    relay.table.handleTimeout(2 * IDLE_EXPIRY_MS);
    expect(relay.table.allocations).toBe(0);
    relay.nowMs = 2 * IDLE_EXPIRY_MS;
    expect(relay.media(a)).toEqual(drop('unknown-flow'));
  });

  it('is not put off by strangers', () => {
    const relay = new Relay();
    const { a } = relay.bound();
    relay.nowMs = IDLE_EXPIRY_MS - 1;
    relay.media(a, STRANGER);
    relay.table.handleTimeout(IDLE_EXPIRY_MS);
    expect(relay.table.allocations).toBe(0);
  });

  it('closes for both when one party closes, and for nobody when another does', () => {
    const relay = new Relay();
    const { a } = relay.bound();
    expect(relay.table.close({ party: 'mallory', receiveFlow: A_FLOW, sendFlow: B_FLOW })).toBeNull();
    expect(relay.media(a).kind).toBe('forward');
    expect(relay.table.close({ party: 'bob', receiveFlow: B_FLOW, sendFlow: A_FLOW })).toEqual({
      ticket: 'b',
      way: null,
    });
    expect([relay.table.allocations, relay.table.pending]).toEqual([0, 0]);
    expect(relay.media(a)).toEqual(drop('unknown-flow'));
  });
});

const anySource = fc.oneof(
  fc.constantFrom(A, B, STRANGER, { ...A, port: 7 }, { ...B, address: '203.0.113.9' }, { ...A, socket: 1 }),
  fc.record({
    address: fc.oneof(fc.ipV4(), fc.ipV6()),
    port: fc.integer({ min: 1, max: 65_535 }),
    socket: fc.constant(0),
  }),
);
const anyFlow = fc.oneof(fc.constantFrom(A_FLOW, B_FLOW), fc.integer({ min: 0, max: 0xffffffff }));
const anyDatagram = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.tuple(anyFlow, fc.integer({ min: 16, max: 100 })).map(([flowId, bytes]) => mediaOn(flowId, bytes)),
  fc
    .tuple(anyFlow, fc.bigInt({ min: 0n, max: 99n }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(([flowId, sequence, cookie]) =>
      writeBindRequest({ flowId, sequence, cookie }, () => new Uint8Array(32)),
    ),
);

describe('properties of the relay', () => {
  it('whatever anybody sends, datagrams go from one proven party to the other and nowhere else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anySource, anyDatagram, fc.nat({ max: 50 })), { maxLength: 60 }),
        (steps) => {
          const relay = new Relay();
          const { a, b } = relay.bound();
          for (const [source, datagram, waitMs] of steps) {
            relay.nowMs += waitMs;
            const result = relay.handle(source, datagram);
            if (result.kind !== 'forward') continue;
            const flowId = new DataView(datagram.buffer, datagram.byteOffset).getUint32(1);
            const [from, to] = flowId === a.sendFlow ? [a, b] : [b, a];
            expect(flowId).toBe(from.sendFlow);
            expect(source).toEqual(from.source);
            expect(result.to).toEqual(to.source);
            expect(result.datagram).toBe(datagram);
          }
          expect(relay.table.allocations).toBe(1);
          expect(relay.table.pending).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('no unproven source ever draws more bytes than it sent', () => {
    fc.assert(
      fc.property(anySource, anyDatagram, fc.boolean(), (source, datagram, isOpen) => {
        const relay = new Relay();
        if (isOpen) relay.opened();
        const result = relay.handle(source, datagram);
        expect(result.kind).not.toBe('forward');
        if (result.kind === 'reply') expect(result.datagram.length).toBeLessThanOrEqual(datagram.length);
      }),
      { numRuns: 2000 },
    );
    expect(BIND_CHALLENGE_BYTES).toBeLessThanOrEqual(BIND_REQUEST_BYTES);
  });

  it('replays of everything that was ever sent, from anywhere, change nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), anySource), { maxLength: 40 }), (replays) => {
        const relay = new Relay();
        const { a, b } = relay.opened();
        const recorded: Uint8Array[] = [];
        for (const party of [a, b]) {
          const cookie = relay.cookieFor(party);
          recorded.push(relay.bindRequest(party, 1n, cookie), relay.bindRequest(party, 2n, cookie));
          for (const request of recorded.slice(-2)) relay.handle(party.source, request);
          recorded.push(mediaOn(party.sendFlow));
        }
        for (const [pick, source] of replays) relay.handle(source, recorded[pick % recorded.length]!);
        relay.nowMs = 60_000;
        expect(relay.media(a)).toMatchObject({ kind: 'forward', to: B });
        expect(relay.media(b)).toMatchObject({ kind: 'forward', to: A });
      }),
      { numRuns: 300 },
    );
  });
});

import type { LinkMessage } from '@overcall/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { id43, person } from './control-world.test-support.ts';
import { at, HopNetwork, media, type Route, type Softphone } from './hop-network.test-support.ts';
import { IDLE_EXPIRY_MS, PENDING_EXPIRY_MS } from './relay-limits.ts';

const A = at('198.51.100.1', 1001);
const B = at('203.0.113.1', 2002);
const STRANGER = at('198.18.0.1', 666);

const mirrored = ({ receiveFlow, sendFlow, way }: Route): Route => ({
  receiveFlow: sendFlow,
  sendFlow: receiveFlow,
  way: [...way].reverse().join(''),
});

/** alice and bob at the two ends of a way. */
function callOver(
  way: string,
  others = '',
): { net: HopNetwork; alice: Softphone; bob: Softphone; route: Route } {
  const net = new HopNetwork(way + others);
  const alice = net.attach('alice', way[0]!, A);
  const bob = net.attach('bob', way.at(-1)!, B);
  return { net, alice, bob, route: { receiveFlow: 0xaaaa0001, sendFlow: 0xbbbb0002, way } };
}

/** Opens and binds from both ends. */
function connect({ net, alice, bob, route }: ReturnType<typeof callOver>): void {
  const asked = net.open(alice, 'bob', route);
  const answered = net.open(bob, 'alice', mirrored(route));
  expect([net.bind(alice, asked, route), net.bind(bob, answered, mirrored(route))]).toEqual([true, true]);
}

function hopOpen(route: Route, party = 'alice', peer = 'bob'): Extract<LinkMessage, { t: 'hop-open' }> {
  const { receiveFlow, sendFlow, way } = route;
  const ids = { party: person(party).who.identityKeyId, peer: person(peer).who.identityKeyId };
  return { t: 'hop-open', ...ids, receiveFlow, sendFlow, hops: [...way].map(id43) };
}

describe.each(['pq', 'pqr'])('a flow over %s', (way) => {
  it('carries the very same bytes from end to end, both ways, once both parties have opened it', () => {
    const call = callOver(way);
    const { net, alice, bob, route } = call;
    const asked = net.open(alice, 'bob', route);
    expect(net.answerTo(alice, asked)).toBeUndefined();
    expect(net.send(A, 'p', media(route.sendFlow))).toBeNull();
    const answered = net.open(bob, 'alice', mirrored(route));
    expect(net.answerTo(alice, asked)?.t).toBe('relay-opened');
    expect(net.answerTo(bob, answered)?.t).toBe('relay-opened');
    expect(net.bind(alice, asked, route)).toBe(true);
    expect(net.send(A, 'p', media(route.sendFlow))).toBeNull();
    expect(net.bind(bob, answered, mirrored(route))).toBe(true);
    const there = net.send(A, 'p', media(route.sendFlow));
    expect(there).toMatchObject({ to: { address: B.address, port: B.port }, relays: [...way] });
    expect(there!.datagram).toEqual(media(route.sendFlow));
    const back = net.send(B, way.at(-1)!, media(route.receiveFlow));
    expect(back).toMatchObject({ to: { address: A.address }, relays: [...way].reverse() });
    for (const letter of way) {
      const { allocations, pending, overlay } = net.at(letter).relay;
      expect([allocations, pending, overlay.flows]).toEqual([1, 0, 1]);
      expect(overlay.transits).toBe(letter === way[0] || letter === way.at(-1) ? 0 : 1);
    }
  });

  it('works in whichever order they open, and when one asks again', () => {
    const { net, alice, bob, route } = callOver(way);
    const answered = net.open(bob, 'alice', mirrored(route));
    net.open(bob, 'alice', mirrored(route));
    const asked = net.open(alice, 'bob', route);
    expect(net.answerTo(bob, answered) ?? net.answerTo(bob, answered + 1)).toMatchObject({
      t: 'relay-opened',
    });
    const again = net.open(alice, 'bob', route);
    expect(net.answerTo(alice, again)).toMatchObject({
      bindKey: (net.answerTo(alice, asked) as { bindKey: string }).bindKey,
    });
  });

  it('ends everywhere when either party closes it, and where nobody uses it', () => {
    for (const end of ['alice', 'bob', 'nobody'] as const) {
      const call = callOver(way);
      connect(call);
      const { net, alice, bob, route } = call;
      if (end === 'alice') net.close(alice, route);
      else if (end === 'bob') net.close(bob, mirrored(route));
      else net.wait(IDLE_EXPIRY_MS + 2000);
      expect(net.held().every((count) => count === 0)).toBe(true);
      expect(net.send(A, 'p', media(route.sendFlow))).toBeNull();
      expect(net.at('p').relay.overlay).toEqual({ flows: 0, transits: 0 });
    }
  });

  it('stays pending, and ends, when the other party never opens it, or opens it by another way', () => {
    const { net, alice, bob, route } = callOver(way, 's');
    const asked = net.open(alice, 'bob', route);
    const other = way === 'pq' ? 'qsp' : 'rp';
    net.open(bob, 'alice', { ...mirrored(route), way: other });
    net.wait(100);
    expect(net.held().filter((_, index) => index % 2 === 0)).toEqual(
      net
        .held()
        .map(() => 0)
        .slice(0, way.length + 1),
    );
    net.wait(PENDING_EXPIRY_MS + 2000);
    expect(net.answerTo(alice, asked)).toMatchObject({ t: 'relay-failed', code: 'no-answer' });
    expect(net.held().every((count) => count === 0)).toBe(true);
  });

  it('is refused when a link cannot be had, or a supernode further on refuses', () => {
    const last = way.at(-1)!;
    const unreachable = callOver(way);
    unreachable.net.cut.add(`${way.at(-2)}${last}`);
    const asked = unreachable.net.open(unreachable.alice, 'bob', unreachable.route);
    expect(unreachable.net.answerTo(unreachable.alice, asked)).toMatchObject({ code: 'hop-unreachable' });
    expect(unreachable.net.held().every((count) => count === 0)).toBe(true);

    const refused = callOver(way);
    refused.net.at(last).plane.drain(0);
    const again = refused.net.open(refused.alice, 'bob', refused.route);
    expect(refused.net.answerTo(refused.alice, again)).toMatchObject({ t: 'relay-failed', code: 'draining' });
    expect(refused.net.held().every((count) => count === 0)).toBe(true);
  });

  it('goes on when a link is lost, also when its party asks again meanwhile', () => {
    const call = callOver(way);
    connect(call);
    call.net.cut.add('pq');
    const again = call.net.open(call.alice, 'bob', call.route);
    expect(call.net.answerTo(call.alice, again)).toMatchObject({ t: 'relay-opened' });
    expect(call.net.send(A, 'p', media(call.route.sendFlow))).not.toBeNull();
  });

  it('confirms to its parties from where the other one is bound, and nothing more', () => {
    const call = callOver(way);
    connect(call);
    const { net, alice, route } = call;
    const { receiveFlow, sendFlow } = route;
    const ask = (id: number, address: string, flows = { receiveFlow, sendFlow }) => {
      net.at('p').say(alice.connection, { t: 'confirm-peer', id, ...flows, address });
      net.pump();
      return net.answerTo(alice, id);
    };
    expect(ask(97, B.address)).toMatchObject({ t: 'peer-confirmed', known: true });
    // Not those of supernodes on the way, and of no flow that is not hers.
    expect(ask(98, net.udpOf(way[1]!).address)).toMatchObject({ known: false });
    expect(ask(99, B.address, { receiveFlow: 1, sendFlow: 2 })).toMatchObject({ known: false });
    // A supernode that is not on the way, and one that nobody has asked, are not listened to.
    const [p, q, last] = [id43('p'), id43('q'), id43(way.at(-1)!)];
    const hops = [...way].map(id43);
    const question = {
      t: 'hop-confirm' as const,
      id: 1,
      party: person('alice').who.identityKeyId,
      receiveFlow,
      sendFlow,
      hops,
    };
    const plane = net.at(way.at(-1)!).plane;
    expect(plane.handleLinkMessage(p, { ...question, hops: [q, p, last], address: B.address }, 0)).toEqual(
      [],
    );
    const answer = { t: 'hop-confirmed' as const, id: 12_345, hops, known: true };
    expect(net.at('p').plane.handleLinkMessage(hops[1]!, answer, 0)).toEqual([]);
  });

  it('answers so many questions of a neighbour and no more', () => {
    const call = callOver(way);
    connect(call);
    const { receiveFlow, sendFlow } = call.route;
    const hops = [...way].map(id43);
    const { plane } = call.net.at(way.at(-1)!);
    const party = person('alice').who.identityKeyId;
    const question = {
      t: 'hop-confirm' as const,
      id: 1,
      party,
      receiveFlow,
      sendFlow,
      hops,
      address: B.address,
    };
    const answers = Array.from({ length: 300 }, () => plane.handleLinkMessage(hops.at(-2)!, question, 0));
    expect(answers.filter((outputs) => outputs.length > 0)).toHaveLength(100);
  });
});

describe('a way', () => {
  it.each([
    ['twice over the same supernode', 'pqp'],
    ['over itself', 'pp'],
    ['over one that the list does not name', 'pz'],
  ])('%s is refused', (_what, way) => {
    const { net, alice, route } = callOver('pq');
    const asked = net.open(alice, 'bob', { ...route, way });
    expect(net.answerTo(alice, asked)).toMatchObject({ t: 'relay-failed', code: 'bad-way' });
    expect([net.said, net.held()]).toEqual([[], [0, 0, 0, 0]]);
  });

  it.each([
    ['that the sender is not on', 'rq', 's'],
    ['on which the sender is not right before', 'rsq', 'r'],
    ['on which the sender comes afterwards', 'qr', 'r'],
    ['that does not lead here', 'rs', 'r'],
    ['in a circle', 'rqr', 'r'],
    ['over one that the list does not name', 'rqz', 'r'],
  ])('%s is not taken from a neighbour', (_what, way, from) => {
    const net = new HopNetwork('pqrs');
    const message = hopOpen({ receiveFlow: 1, sendFlow: 2, way });
    net.forge(from, 'q', message);
    expect([net.held().some((count) => count > 0), net.said]).toEqual([false, []]);
    expect(net.at('q').plane.refusals.get('hop-bad-way')).toBe(1);
  });

  it('ends when the list names one of its supernodes no more, and goes to its new address', () => {
    const call = callOver('pqr');
    connect(call);
    const { net, route } = call;
    const moved = net.nodes.map((node) =>
      node.id === id43('q') ? { ...node, udp: [{ address: '192.0.2.99', port: 4000 }] } : node,
    );
    net.nodes.splice(0, 3, ...moved);
    net.list();
    expect(net.send(A, 'p', media(route.sendFlow))?.relays).toEqual(['p', 'q', 'r']);
    expect(net.send(at('192.0.2.11', 3478), 'r', media(route.sendFlow))).toBeNull();
    net.list(net.nodes.filter(({ id }) => id !== id43('q')));
    expect(['p', 'r'].map((letter) => net.at(letter).relay.allocations)).toEqual([0, 0]);
  });
});

describe('addresses that the signed list names for a neighbour', () => {
  it.each([
    '127.0.0.1',
    '0.0.0.0',
    '10.0.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '100.64.0.1',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
  ])('%s is relayed to for nobody', (address) => {
    const { net, alice, route } = callOver('pq');
    net.list(
      net.nodes.map((node) => (node.id === id43('q') ? { ...node, udp: [{ address, port: 53 }] } : node)),
    );
    const asked = net.open(alice, 'bob', route);
    expect(net.answerTo(alice, asked)).toMatchObject({ t: 'relay-failed', code: 'hop-no-address' });
    net.forge('q', 'p', hopOpen({ receiveFlow: 1, sendFlow: 2, way: 'qp' }));
    expect(net.held().every((count) => count === 0)).toBe(true);
  });

  it('are not taken when they are those of this supernode, or have port 0', () => {
    const { net, alice, route } = callOver('pq');
    for (const udp of [net.udpOf('p'), { ...net.udpOf('q'), port: 0 }]) {
      net.list(net.nodes.map((node) => (node.id === id43('q') ? { ...node, udp: [udp] } : node)));
      const asked = net.open(alice, 'bob', route);
      expect(net.answerTo(alice, asked)).toMatchObject({ code: 'hop-no-address' });
    }
  });

  it('count alike: a neighbour may send from any of them', () => {
    const call = callOver('pq');
    call.net.list(
      call.net.nodes.map((node) =>
        node.id === id43('q') ? { ...node, udp: [...node.udp, { address: '192.0.2.77', port: 7 }] } : node,
      ),
    );
    connect(call);
    const { sendFlow, receiveFlow } = call.route;
    expect(call.net.send({ ...at('192.0.2.77', 7), socket: 3 }, 'p', media(receiveFlow))?.to).toMatchObject({
      address: A.address,
    });
    for (const source of [at('192.0.2.77', 8), { ...at('192.0.2.77', 7), socket: 2000 }, STRANGER])
      expect(call.net.send(source, 'p', media(receiveFlow))).toBeNull();
    expect(call.net.send(A, 'p', media(sendFlow))?.to).toMatchObject({ address: B.address });
  });
});

describe('a neighbour that lies', () => {
  it('can neither open, join nor end a flow that does not go over it', () => {
    const call = callOver('pq', 'r');
    connect(call);
    const { net, route } = call;
    const flow = { ...hopOpen(route), peer: undefined };
    for (const way of ['pq', 'rq', 'qp', 'rp', 'pr', 'qr']) {
      net.forge('r', 'q', hopOpen({ ...route, way }));
      for (const t of ['hop-close', 'hop-failed'] as const)
        for (const to of ['p', 'q'])
          net.forge('r', to, { ...flow, t, code: 'x', hops: [...way].map(id43) } as LinkMessage);
    }
    expect(net.send(A, 'p', media(route.sendFlow))?.relays).toEqual(['p', 'q']);
  });

  it('cannot keep a softphone from a flow by claiming it first', () => {
    const { net, alice, bob, route } = callOver('pq', 'r');
    net.forge('r', 'p', hopOpen({ ...route, way: 'rp' }));
    const asked = net.open(alice, 'bob', route);
    net.open(bob, 'alice', mirrored(route));
    expect(net.answerTo(alice, asked)).toMatchObject({ t: 'relay-opened' });
  });

  it('has a share of flows, of waiting ones and of bytes, and no more', () => {
    const net = new HopNetwork('pqr', { maxFlowsPerNeighbour: 50, maxTransits: 20, maxPending: 100 });
    const flood = (from: string, way: string, count: number) => {
      for (let flow = 0; flow < count; flow++) {
        net.wait(10);
        const party = `${String.fromCharCode(97 + (flow % 20))}`;
        net.forge(from, 'q', hopOpen({ receiveFlow: 1000 + flow, sendFlow: 90_000 + flow, way }, party));
      }
    };
    flood('p', 'pq', 300);
    expect(net.at('q').relay.pending).toBe(50);
    expect(net.at('q').plane.refusals.get('hop-too-many-flows')).toBe(250);
    const [alice, bob] = [net.attach('alice', 'q', A), net.attach('bob', 'q', B)];
    const route = { receiveFlow: 1, sendFlow: 2, way: 'q' };
    const asked = net.open(alice, 'bob', route);
    net.open(bob, 'alice', mirrored(route));
    expect(net.answerTo(alice, asked)).toMatchObject({ t: 'relay-opened' });
  });

  it('cannot name one user so often that nobody else is left', () => {
    const net = new HopNetwork('pq');
    for (let flow = 0; flow < 100; flow++)
      net.forge('p', 'q', hopOpen({ receiveFlow: 1000 + flow, sendFlow: 9000 + flow, way: 'pq' }));
    expect(net.at('q').relay.pending).toBe(16);
  });

  it('passes on no more than half of all calls together with another one', () => {
    const net = new HopNetwork('pqr', { maxTransits: 3 });
    for (let flow = 0; flow < 6; flow++) {
      const route = { receiveFlow: 100 + flow, sendFlow: 200 + flow, way: 'pqr' };
      net.forge('p', 'q', hopOpen(route));
      net.forge('r', 'q', hopOpen(mirrored(route), 'bob', 'alice'));
    }
    expect(net.at('q').relay.overlay).toEqual({ flows: 3, transits: 3 });
  });

  it('gets flows for voice, each and all together', () => {
    const totalBytes = { perSecond: 160_000, burst: 160_000 };
    const net = new HopNetwork('pqr', { totalBytes });
    for (let flow = 0; flow < 10; flow++) {
      const route = { receiveFlow: 100 + flow, sendFlow: 200 + flow, way: 'pqr' };
      net.forge('p', 'q', hopOpen(route));
      net.forge('r', 'q', hopOpen(mirrored(route), 'bob', 'alice'));
    }
    const { relay } = net.at('q');
    const source = { ...net.udpOf('p'), socket: 0 };
    const reasons = new Map<string, number>();
    for (let nowMs = 0; nowMs < 10_000; nowMs += 5) {
      const result = relay.handleDatagram(source, media(200), nowMs);
      const reason = result.kind === 'drop' ? result.reason : 'forward';
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    expect(reasons.get('forward')).toBeLessThanOrEqual(100 + 10 * 150);
    expect(reasons.get('over-rate')).toBeGreaterThan(300);
  });

  it('never draws an answer by what it sends from its address, nor does anybody from another', () => {
    const call = callOver('pq');
    connect(call);
    const { net, route } = call;
    for (const source of [STRANGER, { ...net.udpOf('q'), port: 1, socket: 0 }]) {
      const result = net.at('q').relay.handleDatagram(source, media(route.sendFlow), 0);
      expect(result.kind).toBe('drop');
    }
  });
});

/** What a party has said it wants: nothing else may ever reach it. */
interface Wish extends Route {
  party: string;
  peer: string;
}

const PEOPLE = ['alice', 'bob', 'carol'];
const SOURCES = [A, B, at('198.51.100.3', 3003)];
const WAYS = ['pq', 'qp', 'pqr', 'rqp', 'qr', 'rq', 'p', 'q', 'r', 'pxr', 'rxp', 'qx', 'xq'];
const step = fc.record({
  what: fc.constantFrom(
    'open',
    'open',
    'open',
    'accept',
    'accept',
    'accept',
    'close',
    'wait',
    'forge',
    'forge',
  ),
  who: fc.nat(2),
  peer: fc.nat(2),
  flow: fc.nat(1),
  way: fc.constantFrom(...WAYS),
  /** What is forged. */
  kind: fc.constantFrom('hop-open', 'hop-close', 'hop-failed'),
  to: fc.constantFrom('p', 'q', 'r'),
  ms: fc.constantFrom(500, 11_000, 31_000, 61_000),
});

describe('properties of flows over several supernodes', () => {
  it('nobody but the parties of a flow that both agreed to ever gets a datagram', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 4, maxLength: 25 }), (steps) => {
        const net = new HopNetwork('pqrx');
        const phones = new Map<string, Softphone>();
        const phone = (who: string, letter: string): Softphone => {
          const key = who + letter;
          const made = phones.get(key) ?? net.attach(who, letter, SOURCES[PEOPLE.indexOf(who)]!);
          phones.set(key, made);
          return made;
        };
        const wishes: Wish[] = [];
        for (const { what, who, peer, flow, way, kind, to, ms } of steps) {
          const names = [PEOPLE[who]!, PEOPLE[peer]!] as const;
          const last = wishes.at(-1);
          const wish: Wish =
            what === 'accept' && last
              ? { ...mirrored(last), party: last.peer, peer: last.party }
              : {
                  party: names[0],
                  peer: names[1],
                  receiveFlow: 10 * who + flow,
                  sendFlow: 10 * peer + flow,
                  way,
                };
          if (what === 'open' || what === 'accept') {
            const from = phone(wish.party, wish.way[0]!);
            wishes.push(wish);
            const id = net.open(from, wish.peer, wish);
            net.bind(from, id, wish);
          } else if (what === 'close') net.close(phone(names[0], way[0]!), wish);
          else if (what === 'wait') net.wait(ms);
          else {
            const { t: _, ...fields } = hopOpen({ ...wish, way: way.length > 1 ? way : `x${way}` }, ...names);
            net.forge('x', to, { t: kind, ...fields, code: 'x' } as LinkMessage);
          }
          // The other one, whose key has come now, binds too.
          if (last)
            for (let id = 1; id < wishes.length; id++) net.bind(phone(last.party, last.way[0]!), id, last);
          const origins = [...SOURCES, STRANGER, { ...net.udpOf('x'), socket: 0 }];
          for (const origin of origins)
            for (const at of 'pqr')
              for (const flowId of [0, 1, 10, 11, 20, 21]) {
                const arrived = net.send(origin, at, media(flowId));
                if (arrived === null || arrived.relays.includes('x')) continue;
                const receiver = PEOPLE[SOURCES.findIndex(({ port }) => port === arrived.to.port)];
                expect(receiver).toBeDefined();
                const isAgreed = wishes.some(
                  (a) =>
                    a.party === receiver &&
                    a.receiveFlow === flowId &&
                    wishes.some(
                      (b) =>
                        b.party === a.peer &&
                        b.peer === a.party &&
                        b.sendFlow === a.receiveFlow &&
                        b.receiveFlow === a.sendFlow &&
                        b.way === [...a.way].reverse().join('') &&
                        (SOURCES[PEOPLE.indexOf(b.party)] === origin ||
                          (origin.port === net.udpOf('x').port && a.way.includes('x'))),
                    ),
                );
                expect(isAgreed).toBe(true);
              }
        }
        net.wait(200_000);
        expect(net.held().every((count) => count === 0)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

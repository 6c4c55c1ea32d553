import { BIND_REQUEST_BYTES, COOKIE_BYTES, writeBindRequest } from '@overcall/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressPolicy } from './address-policy.ts';
import { id43, person } from './control-world.test-support.ts';
import { HopNeighbours } from './hop-neighbours.ts';
import { at, HopNetwork, media, type Route } from './hop-network.test-support.ts';
import type { ListedNode } from './listed-nodes.ts';

/**
 * What relays have been abused for, each as a test. coturn CVE-2020-26262: 0.0.0.0 and ::1 as peer address reached its own host;
 * CVE-2026-27624: so did ::ffff:127.0.0.1. Traversal tests of single addresses are in address-policy.test.ts.
 */

/** Networks that no relay may send to: first address and prefix length. */
const FORBIDDEN: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
const numberOf = (text: string) => text.split('.').reduce((all, byte) => all * 256 + Number(byte), 0);
const dotted = (n: number) => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join('.');
const anyForbidden = fc
  .tuple(fc.constantFrom(...FORBIDDEN), fc.integer({ min: 0, max: 0xffffffff }))
  .map(([[net, bits], random]) => numberOf(net) + (random % 2 ** (32 - bits)));
const hex = (n: number) => `${Math.floor(n / 65_536).toString(16)}:${(n % 65_536).toString(16)}`;
const SPELLINGS: ((n: number) => string)[] = [
  dotted,
  (n) => `::ffff:${dotted(n)}`,
  (n) => `::ffff:${hex(n)}`,
  (n) => `0:0:0:0:0:FFFF:${hex(n)}`,
  (n) => `64:ff9b::${dotted(n)}`,
  (n) => `64:ff9b::${hex(n)}`,
  (n) => `::${hex(n)}`,
  (n) => `fe80::${hex(n)}`,
  (n) => `fd00::${hex(n)}`,
  (n) => `ff02::${hex(n)}`,
];
const anySpelling = fc.tuple(anyForbidden, fc.constantFrom(...SPELLINGS)).map(([n, spell]) => spell(n));

const A = at('198.51.100.1', 1001);
const B = at('203.0.113.1', 2002);

/** A flow between alice and bob over p and q, of which bob has not bound his half. */
function halfBound(): { net: HopNetwork; route: Route } {
  const net = new HopNetwork('pq');
  const [alice, bob] = [net.attach('alice', 'p', A), net.attach('bob', 'q', B)];
  const route = { receiveFlow: 1, sendFlow: 2, way: 'pq' };
  const asked = net.open(alice, 'bob', route);
  net.open(bob, 'alice', { receiveFlow: 2, sendFlow: 1, way: 'qp' });
  net.bind(alice, asked, route);
  return { net, route };
}

function neighbours(allowNets: string[], listed: ListedNode[], now = 0) {
  const all = new HopNeighbours({
    me: id43('p'),
    socketFor: () => 0,
    mayRelayTo: addressPolicy(allowNets),
    bytes: { perSecond: 1, burst: 1 },
  });
  all.handleList((id) => listed.find((node) => node.id === id) ?? null);
  return all.get(id43('q'), now);
}
const listedAt = (address: string): ListedNode => ({ id: id43('q'), udp: [{ address, port: 53 }] });

describe('addresses inside somebody’s network', () => {
  it('are relayed to for no softphone that binds from there, and for no supernode that is listed there', () => {
    const net = new HopNetwork('p');
    const [alice, bob] = [net.attach('alice', 'p', A), net.attach('bob', 'p', B)];
    const route = { receiveFlow: 1, sendFlow: 2, way: 'p' };
    const asked = net.open(alice, 'bob', route);
    net.open(bob, 'alice', { receiveFlow: 2, sendFlow: 1, way: 'p' });
    fc.assert(
      fc.property(anySpelling, (address) => {
        expect(net.bind({ ...alice, source: at(address, 1001) }, asked, route)).toBe(false);
        expect(neighbours([], [listedAt(address)])).toBeNull();
      }),
      { numRuns: 150 },
    );
    expect(net.bind(alice, asked, route)).toBe(true);
  });

  it('are relayed to within --allow-net, and nowhere else', () => {
    expect(neighbours(['10.1.0.0/16'], [listedAt('10.1.2.3')])?.to).toMatchObject({ address: '10.1.2.3' });
    expect(neighbours(['10.1.0.0/16'], [listedAt('10.2.2.3')])).toBeNull();
    expect(neighbours(['10.1.0.0/16'], [listedAt('127.0.0.1')])).toBeNull();
  });
});

const anyOrigin = fc.oneof(
  fc.constantFrom(A, B, at('192.0.2.11', 3478), at('192.0.2.10', 3478), {
    ...at('192.0.2.11', 3478),
    socket: 5000,
  }),
  fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }))
    .map(([address, port]) => at(address, port)),
);
const anyDatagram = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.constantFrom(1, 2, 3).map((flow) => media(flow)),
  fc
    .tuple(fc.constantFrom(1, 2, 3), fc.bigInt({ min: 0n, max: 9n }))
    .map(([flowId, sequence]) =>
      writeBindRequest({ flowId, sequence, cookie: new Uint8Array(COOKIE_BYTES) }, () => new Uint8Array(32)),
    ),
);

describe('who has proven nothing', () => {
  it('draws no answer longer than what was sent, reaches nobody and leaves nothing behind', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyOrigin, anyDatagram), { maxLength: 20 }), (datagrams) => {
        const { net } = halfBound();
        const before = net.held();
        for (const [source, datagram] of datagrams)
          for (const letter of 'pq') {
            const result = net.at(letter).relay.handleDatagram(source, datagram, 0);
            if (result.kind === 'reply') expect(result.datagram.length).toBeLessThanOrEqual(datagram.length);
            // At p alice and q have proven where they are, and q is next to it on the way. bob has bound nothing.
            if (result.kind !== 'forward') continue;
            expect([letter, source.socket]).toEqual(['p', 0]);
            const passes = `${source.address} > ${result.to.address}`;
            expect(['198.51.100.1 > 192.0.2.11', '192.0.2.11 > 198.51.100.1']).toContain(passes);
          }
        expect(net.held()).toEqual(before);
      }),
      { numRuns: 200 },
    );
    expect(BIND_REQUEST_BYTES).toBeGreaterThanOrEqual(29);
  });

  it('holds no flow before it attaches, nor a supernode one by what strangers say in its name', () => {
    const net = new HopNetwork('pq');
    const stranger = net.at('p').connect();
    const peer = person('bob').who.identityKeyId;
    net
      .at('p')
      .say(stranger, { t: 'relay-open', id: 1, peer, receiveFlow: 1, sendFlow: 2, next: [id43('q')] });
    net.at('p').say(stranger, { t: 'probe-open', id: 1, flow: 1 });
    net.pump();
    expect([net.held(), net.said, net.at('p').relay.loops]).toEqual([[0, 0, 0, 0], [], 0]);
    expect(net.at('p').plane.connections).toBe(0);
  });
});

describe('a tunnel', () => {
  it('gets no more out of a flow over several supernodes than a call needs, on every one of them', () => {
    const { net, route } = halfBound();
    const { relay } = net.at('p');
    let bytes = 0;
    for (let nowMs = 0; nowMs < 10_000; nowMs++) {
      const datagram = media(route.sendFlow);
      const result = relay.handleDatagram(A, datagram, nowMs);
      if (result.kind === 'forward') bytes += datagram.length;
    }
    // 150 packets/s and a burst of 100, each of 83 bytes.
    expect(bytes).toBeLessThanOrEqual(83 * (100 + 150 * 10));
  });
});

import { toBase64Url } from '@overcall/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListedNode } from './listed-nodes.ts';
import { INDEX_COPIES, IndexRing, indexRings } from './presence-index.ts';

const idOf = (n: number) => toBase64Url(new Uint8Array(32).map((_, i) => (n >>> (8 * (i % 4))) & 255));
const nodeAt = (n: number, address = `192.${n >> 8}.${n & 255}.1`, since = 0): ListedNode => ({
  id: idOf(n),
  udp: [{ address, port: 3478 }],
  since,
});
const nodes = (count: number) => Array.from({ length: count }, (_, n) => nodeAt(n));
const epochOf = (n: number, closedAtMs = 1000) => ({
  seed: toBase64Url(new Uint8Array(32).fill(n)),
  closedAtMs,
});
const NAMES = Array.from({ length: 6000 }, (_, n) => `user${n}`);

describe('the supernodes that keep a name', () => {
  it('are three, the same for everybody, whatever the order of the list', () => {
    const list = nodes(50);
    const [a, b] = [new IndexRing(list, epochOf(1)), new IndexRing([...list].reverse(), epochOf(1))];
    for (const name of NAMES.slice(0, 200)) {
      expect(new Set(a.nodesFor(name)).size).toBe(INDEX_COPIES);
      expect(b.nodesFor(name)).toEqual(a.nodesFor(name));
    }
    expect(new IndexRing(nodes(2), epochOf(1)).nodesFor('alice')).toHaveLength(2);
    expect(new IndexRing([], epochOf(1)).nodesFor('alice')).toEqual([]);
  });

  it('are others under another seed', () => {
    const [a, b] = [new IndexRing(nodes(50), epochOf(1)), new IndexRing(nodes(50), epochOf(2))];
    const same = NAMES.filter((name) => a.nodesFor(name)[0] === b.nodesFor(name)[0]);
    expect(same.length / NAMES.length).toBeLessThan(0.05);
  });

  it('share the names evenly', () => {
    const ring = new IndexRing(nodes(60), epochOf(3));
    const shares = new Map<string, number>();
    for (const name of NAMES) for (const id of ring.nodesFor(name)) shares.set(id, (shares.get(id) ?? 0) + 1);
    const fair = (NAMES.length * INDEX_COPIES) / 60;
    // A binomial share of 300 has a standard deviation of 17: five of them on either side.
    expect(shares.size).toBe(60);
    for (const share of shares.values()) expect(Math.abs(share - fair)).toBeLessThan(5 * Math.sqrt(fair));
  });

  it('change for k of n names, not more, when a supernode comes or goes', () => {
    const count = 40;
    const [less, more] = [
      new IndexRing(nodes(count - 1), epochOf(4)),
      new IndexRing(nodes(count), epochOf(4)),
    ];
    const newcomer = idOf(count - 1);
    let moved = 0;
    for (const name of NAMES) {
      const [before, after] = [less.nodesFor(name), more.nodesFor(name)];
      if (after.includes(newcomer)) moved++;
      // The others stay as they were: nothing moves between two that were there before.
      expect(before).toEqual(expect.arrayContaining(after.filter((id) => id !== newcomer)));
    }
    const expected = (NAMES.length * INDEX_COPIES) / count;
    expect(Math.abs(moved - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });

  it('have no prefix in common while there are three prefixes, in any list', () => {
    const anyNode = fc.tuple(fc.nat(40), fc.nat(4)).map(([n, net]) => nodeAt(n, `192.0.${net}.${n}`));
    const anyList = fc.uniqueArray(anyNode, { maxLength: 30, selector: ({ id }) => id });
    fc.assert(
      fc.property(anyList, fc.string({ minLength: 1 }), (list, name) => {
        const chosen = new IndexRing(list, epochOf(5)).nodesFor(name);
        const prefixOf = (id: string) =>
          list.find((node) => node.id === id)!.udp[0]!.address.replace(/\.\d+$/, '');
        const prefixes = new Set(chosen.map(prefixOf));
        const available = new Set(list.map(({ id }) => prefixOf(id))).size;
        expect(chosen).toHaveLength(Math.min(INDEX_COPIES, list.length));
        expect(new Set(chosen).size).toBe(chosen.length);
        expect(prefixes.size).toBe(Math.min(available, INDEX_COPIES));
      }),
    );
  });

  it('count a /48 of IPv6 as one prefix, and every address of a supernode', () => {
    const list = [
      nodeAt(1, '2001:db8:1:1::1'),
      nodeAt(2, '2001:db8:1:2::1'),
      nodeAt(3, '2001:db8:2::1'),
      { ...nodeAt(4), udp: [nodeAt(4, '2001:db8:1:9::1').udp[0]!, nodeAt(4, '198.51.100.1').udp[0]!] },
      nodeAt(5, '2001:db8:5::1'),
    ];
    for (const name of NAMES.slice(0, 100)) {
      const chosen = new IndexRing(list, epochOf(6)).nodesFor(name);
      expect(chosen.filter((id) => [idOf(1), idOf(2), idOf(4)].includes(id))).toHaveLength(1);
    }
  });

  it('are the next ones where some are dead, and the same as before for other names', () => {
    const ring = new IndexRing(nodes(30), epochOf(7));
    for (const name of NAMES.slice(0, 300)) {
      const [first, second, third] = ring.nodesFor(name);
      expect(ring.nodesFor(name, (id) => id !== second).slice(0, 2)).toEqual([first, third]);
      expect(ring.nodesFor(name, () => false)).toEqual([]);
    }
  });

  it('were admitted before the seed was made: a key made afterwards, however it is ground, keeps nothing', () => {
    const epoch = epochOf(8, 1000);
    const late = Array.from({ length: 500 }, (_, n) => nodeAt(1000 + n, `10.${n >> 8}.${n & 255}.1`, 1001));
    const unknown = { ...nodeAt(5000), since: undefined } as unknown as ListedNode;
    const ring = new IndexRing([...nodes(10), ...late, unknown], epoch);
    expect(ring.size).toBe(10);
    const honest = new Set(nodes(10).map(({ id }) => id));
    for (const name of NAMES.slice(0, 200))
      for (const id of ring.nodesFor(name)) expect(honest.has(id)).toBe(true);
  });
});

describe('the rings of a list', () => {
  it('are its epochs, the newest first, without those that nobody takes part in', () => {
    const list = [nodeAt(1), nodeAt(2, '198.51.100.1', 1500)];
    const rings = indexRings(list, [epochOf(1, 1000), epochOf(2, 2000)]);
    expect(rings.map(({ size }) => size)).toEqual([2, 1]);
    expect(indexRings([nodeAt(2, '198.51.100.1', 1500)], [epochOf(1, 1000), epochOf(2, 2000)])).toHaveLength(
      1,
    );
  });

  it('are one of all supernodes where there are no epochs, or none with supernodes', () => {
    const list = [nodeAt(1), { id: idOf(2), udp: [{ address: '198.51.100.1', port: 1 }] }];
    expect(indexRings(list, []).map(({ size }) => size)).toEqual([2]);
    expect(indexRings([list[1]!], [epochOf(1)]).map(({ size }) => size)).toEqual([1]);
  });
});

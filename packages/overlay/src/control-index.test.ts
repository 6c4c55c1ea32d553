import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { id43 } from './control-world.test-support.ts';
import { at, type Softphone } from './hop-network.test-support.ts';
import { INDEX_PUTS, indexCapacity, LOOKUP_TIMEOUT_MS } from './index-limits.ts';
import { IndexNetwork, recordOf } from './index-network.test-support.ts';
import { PresenceTable } from './presence.ts';
import { indexRings } from './presence-index.ts';

const LETTERS = 'pqrstuvw';
const SOURCE = at('198.51.100.1', 1001);

/** Eight supernodes; bob is attached to one that keeps nothing of his, alice to another one. */
function network(): { net: IndexNetwork; alice: Softphone; bob: Softphone; keepers: string } {
  const net = new IndexNetwork(LETTERS);
  const keepers = keepersOf(net, 'bob');
  const others = [...LETTERS].filter((letter) => !keepers.includes(letter));
  const bob = net.attach('bob', others[0]!, SOURCE);
  const alice = net.attach('alice', others[1]!, SOURCE);
  return { net, alice, bob, keepers };
}

function keepersOf(net: IndexNetwork, name: string, alive = LETTERS): string {
  const [ring] = indexRings(net.nodes, []);
  return ring!.nodesFor(name, (id) => alive.includes(id[0]!)).reduce((all, id) => all + id[0], '');
}

const counts = (net: IndexNetwork) =>
  Object.entries(net.kept()).reduce((all, [letter, count]) => all + letter.repeat(count), '');
const sorted = (letters: string) => [...letters].sort().join('');

describe('a presence record', () => {
  it('is put to the three keepers of its name, and found from everywhere', () => {
    const { net, alice, bob, keepers } = network();
    const { record } = net.present(bob);
    expect(sorted(counts(net))).toBe(sorted(keepers));
    expect(net.found(alice, net.ask(alice, 'bob'))).toEqual([record]);
    expect(net.found(alice, net.ask(alice, 'nobody'))).toEqual([]);
  });

  it('is replaced by the next one, withdrawn by it, and forgotten when it expires', () => {
    const { net, alice, bob } = network();
    net.present(bob, { seq: 1 });
    const { record } = net.present(bob, { seq: 2 });
    expect(net.found(alice, net.ask(alice, 'bob'))).toEqual([record]);
    net.present(bob, { seq: 3, accepts: false });
    expect(net.found(alice, net.ask(alice, 'bob'))).toEqual([]);
    net.present(bob, { seq: 4 });
    expect(net.found(alice, net.ask(alice, 'bob'))).toHaveLength(1);
    net.wait(620_000);
    expect(net.found(alice, net.ask(alice, 'bob'))).toEqual([]);
    expect(counts(net)).toBe('');
  });

  it('goes to the next in rank when a keeper is dead or cannot be reached, and comes back when it is back', () => {
    const { net, alice, bob, keepers } = network();
    const [first, second, third] = keepers as unknown as [string, string, string];
    for (const { dead } of net.worlds.values()) dead.add(id43(first));
    net.cut.add(bob.at + second);
    net.present(bob);
    net.wait(7000);
    const alive = [...LETTERS].filter((letter) => letter !== first && letter !== second).join('');
    expect(sorted(counts(net))).toBe(sorted(keepersOf(net, 'bob', alive)));
    expect(counts(net)).toContain(third);
    expect(net.found(alice, net.ask(alice, 'bob'))).toHaveLength(1);
    net.cut.clear();
    for (const { dead } of net.worlds.values()) dead.clear();
    net.wait(60_000);
    for (const letter of keepers) expect(counts(net)).toContain(letter);
  });

  it('moves when the list changes, some at a time, and is found all the while', () => {
    const { net, alice, bob, keepers } = network();
    const { record } = net.present(bob);
    const left = net.nodes.filter(({ id }) => id !== id43(keepers[0]!));
    net.list(left);
    expect(net.found(alice, net.ask(alice, 'bob'))).toEqual([record]);
    net.wait(200);
    const [ring] = indexRings(left, []);
    for (const id of ring!.nodesFor('bob')) expect(counts(net)).toContain(id[0]);
    expect(net.found(alice, net.ask(alice, 'bob'))).toEqual([record]);
  });

  it('is read at the keepers of the epoch before as well, and written to those of the newest', () => {
    const { net, alice, bob } = network();
    const nodes = net.nodes.map((node) => ({ ...node, since: 0 }));
    const epoch = (letter: string, closedAtMs: number) => ({
      seed: id43(letter).slice(0, 42).concat('A'),
      closedAtMs,
    });
    const [old, fresh] = [epoch('x', 1000), epoch('y', 2000)];
    const list = (index: (typeof old)[], of = [...net.worlds.keys()]) => {
      for (const letter of of) net.at(letter).list({ supernodes: nodes, index });
    };
    list([old]);
    const { record } = net.present(bob);
    // The reader has the newer list, the writer not yet.
    list([fresh, old], [alice.at]);
    expect(net.found(alice, net.ask(alice, 'bob'))).toEqual([record]);
    list([fresh, old]);
    net.wait(200);
    for (const id of indexRings(nodes, [fresh])[0]!.nodesFor('bob')) expect(counts(net)).toContain(id[0]);
  });

  it('of many softphones moves in steps', () => {
    const net = new IndexNetwork('pq');
    const phones = [...'abcdefghijklmnopqrstuvwxyz'].map((name) => net.attach(name, 'p', SOURCE));
    for (const phone of phones) net.present(phone);
    expect(net.kept()).toEqual({ p: 26, q: 26 });
    net.nodes.push({ id: id43('r'), udp: [{ address: '192.0.2.200', port: 1 }] });
    net.list();
    net.at('p').wait(150);
    expect(net.at('p').linked.length).toBe(3);
    net.at('p').wait(5000);
    expect(net.at('p').linked.filter(({ to }) => to === id43('r'))).toHaveLength(26);
  });

  it('of who is attached here alone is gone when he is gone', () => {
    const net = new IndexNetwork('p');
    const [alice, bob] = [net.attach('alice', 'p', SOURCE), net.attach('bob', 'p', SOURCE)];
    net.present(bob);
    expect(net.kept()).toEqual({ p: 1 });
    net.at('p').plane.handleDisconnect(bob.connection);
    expect(net.found(alice, net.ask(alice, 'bob'))).toEqual([]);
    expect(net.kept()).toEqual({ p: 0 });
  });
});

describe('a lookup', () => {
  it('finds the devices of a user wherever they are attached', () => {
    const { net, alice, bob } = network();
    const laptop = { ...bob, ...net.attach('bob', alice.at, SOURCE) };
    net.present(bob);
    const endpoint = 'l'.repeat(21).concat('A');
    net.present(laptop, { endpoint });
    expect(net.found(alice, net.ask(alice, 'bob'))).toHaveLength(2);
  });

  it('waits for who is slow no longer than said', () => {
    const { net, alice, bob, keepers } = network();
    for (const letter of keepers) net.mute.add(letter);
    net.present(bob);
    const id = net.ask(alice, 'bob');
    net.wait(LOOKUP_TIMEOUT_MS - 1);
    expect(net.found(alice, id)).toBeNull();
    net.wait(1);
    expect(net.found(alice, id)).toEqual([]);
    expect(net.at(alice.at).plane.index.lookups).toBe(0);
  });

  it('waits a moment longer once somebody was found, and for nobody when all have answered', () => {
    const { net, alice, bob, keepers } = network();
    const { record } = net.present(bob);
    net.mute.add(keepers[0]!);
    const id = net.ask(alice, 'bob');
    net.wait(49);
    expect(net.found(alice, id)).toBeNull();
    net.wait(1);
    expect(net.found(alice, id)).toEqual([record]);
    net.wait(10_000);
    net.mute.add(keepers[1]!);
    const one = net.ask(alice, 'bob');
    net.wait(149);
    expect(net.found(alice, one)).toBeNull();
    net.wait(1);
    expect(net.found(alice, one)).toEqual([record]);
  });

  it('that is repeated waits for every keeper: the answer before was of no use', () => {
    const { net, alice, bob, keepers } = network();
    const stale = recordOf(net.claims(bob, { seq: 1 }));
    const { record } = net.present(bob, { seq: 2 });
    const [slow, ...liars] = keepers;
    net.mute.add(slow!);
    for (const liar of liars) net.liars.set(liar, () => [stale]);
    const first = net.ask(alice, 'bob');
    net.wait(50);
    expect(net.found(alice, first)).toEqual([stale.record]);
    const second = net.ask(alice, 'bob');
    net.wait(LOOKUP_TIMEOUT_MS - 1);
    expect(net.found(alice, second)).toBeNull();
    const asked = net.said.length;
    net.mute.clear();
    net.wait(10_001);
    const third = net.ask(alice, 'bob');
    expect(net.said.length).toBeGreaterThan(asked);
    expect(net.found(alice, third)).toEqual([record]);
  });

  it('gives who is attached here after a tenth of a second, whatever the index does', () => {
    const { net, bob, keepers } = network();
    for (const letter of keepers) net.mute.add(letter);
    const carol = net.attach('carol', bob.at, SOURCE);
    const { record } = net.present(bob);
    const id = net.ask(carol, 'bob');
    net.wait(100);
    expect(net.found(carol, id)).toEqual([record]);
  });

  it('is bounded, and ends with the connection that it came from', () => {
    const { net, alice, bob, keepers } = network();
    for (const letter of keepers) net.mute.add(letter);
    net.present(bob);
    for (let i = 0; i < 20; i++) net.ask(alice, 'bob');
    expect(net.at(alice.at).plane.index.lookups).toBe(20);
    net.at(alice.at).plane.handleDisconnect(alice.connection);
    const before = net.at(alice.at).messages(alice.connection).length;
    net.wait(LOOKUP_TIMEOUT_MS);
    expect(net.at(alice.at).plane.index.lookups).toBe(0);
    expect(net.at(alice.at).messages(alice.connection)).toHaveLength(before);
  });
});

describe('a keeper that lies', () => {
  it('hides nobody while one of the three is honest, whatever the other two say', () => {
    const { net, alice, bob, keepers } = network();
    const stale = recordOf(net.claims(bob, { seq: 1, supernodes: [id43('z')] }));
    const forged = recordOf(net.claims(bob, { seq: 99, accepts: false }), false);
    const someoneElse = recordOf(net.claims({ ...bob, name: 'mallory' }, { seq: 99 }));
    const huge = Array.from({ length: 32 }, () => ({ ...forged, record: `h.${'A'.repeat(1500)}.no` }));
    const { record } = net.present(bob, { seq: 5 });
    const anyLie = fc.constantFrom([], [stale], [forged], [someoneElse], huge, [forged, stale, someoneElse]);
    fc.assert(
      fc.property(anyLie, anyLie, fc.nat(2), (lie, otherLie, honest) => {
        const liars = [...keepers].filter((_, index) => index !== honest);
        net.liars.clear();
        net.liars.set(liars[0]!, () => lie);
        net.liars.set(liars[1]!, () => otherLie);
        net.wait(10_000);
        const id = net.ask(alice, 'bob');
        net.wait(LOOKUP_TIMEOUT_MS);
        expect(net.found(alice, id)).toEqual([record]);
      }),
      { numRuns: 40 },
    );
  });

  it('is not listened to when it was not asked, or twice', () => {
    const { net, alice, bob, keepers } = network();
    const { record } = net.present(bob);
    const lie = recordOf(net.claims(bob, { seq: 9, supernodes: [id43('z')] }));
    net.mute.add(keepers[0]!);
    const id = net.ask(alice, 'bob');
    const liar = [...LETTERS].find((letter) => !keepers.includes(letter) && letter !== alice.at)!;
    for (const from of [liar, keepers[1]!])
      for (let request = 0; request < 5; request++)
        net.forge(from, alice.at, { t: 'index-result', id: request, endpoints: [lie] });
    net.wait(LOOKUP_TIMEOUT_MS);
    expect(net.found(alice, id)).toEqual([record]);
    expect(net.at(alice.at).plane.refusals.get('index-not-asked')).toBe(10);
  });
});

describe('what a keeper takes', () => {
  it('is what is validly signed, from a supernode that the record names', () => {
    const { net, bob, keepers } = network();
    const [keeper] = keepers;
    const named = recordOf(net.claims(bob));
    const other = [...LETTERS].find((letter) => letter !== bob.at && letter !== keeper)!;
    net.forge(bob.at, keeper!, { t: 'index-put', ...recordOf(net.claims(bob), false) });
    net.forge(other, keeper!, { t: 'index-put', ...named });
    expect(net.kept()[keeper!]).toBe(0);
    expect(net.at(keeper!).plane.refusals.get('index-invalid')).toBe(2);
    net.forge(bob.at, keeper!, { t: 'index-put', ...named });
    expect(net.kept()[keeper!]).toBe(1);
  });

  it('is limited for each supernode in rate', () => {
    const { net, bob, keepers } = network();
    const keeper = keepers[0]!;
    const put = { t: 'index-put' as const, ...recordOf(net.claims(bob)) };
    for (let i = 0; i < INDEX_PUTS.burst + 50; i++) net.forge(bob.at, keeper, put);
    expect(net.at(keeper).plane.refusals.get('index-rate-limited')).toBe(50);
    for (let i = 0; i < INDEX_PUTS.burst + 50; i++)
      net.forge(bob.at, keeper, { t: 'index-get', id: i, name: 'bob' });
    expect(net.at(keeper).plane.refusals.get('index-rate-limited')).toBe(100);
  });

  it('is limited in number: in all, for a name, and of one supernode', () => {
    const table = new PresenceTable(10, 4);
    const claims = { device: 'd', seq: 1, accepts: true, expiresAtMs: 10, supernodes: [] };
    const put = (name: string, by: string, seq = 1) =>
      table.put(
        { ...claims, name, endpoint: 'e', seq, ...recordOf({ ...claims, name, endpoint: 'e' }) },
        0,
        by,
      );
    const results = ['a', 'b', 'c', 'd', 'e'].map((name) => put(name, 'p'));
    expect(results).toEqual(['stored', 'stored', 'stored', 'stored', 'full']);
    // A record that moves with its softphone is counted where it comes from now.
    expect(put('a', 'q', 2)).toBe('stored');
    expect(put('e', 'p')).toBe('stored');
    table.sweep(11);
    expect(table.size).toBe(0);
    expect(['a', 'b', 'c', 'd'].map((name) => put(name, 'p'))).toEqual(Array(4).fill('stored'));
  });

  it('grows with its share of a full network, and is bounded', () => {
    expect(indexCapacity(10, 10, 3, 10_000)).toBe(60_000);
    expect(indexCapacity(5000, 5000, 3, 10_000)).toBe(60_000);
    expect(indexCapacity(20, 10, 3, 10_000)).toBe(120_000);
    expect(indexCapacity(5000, 1, 3, 10_000)).toBe(200_000);
  });
});

import { afterEach, expect, test } from 'vitest';
import type { Filtering, HostSpec, Mapping, NatKind, NatSpec } from './scenario.ts';

export type Endpoint = readonly [address: string, port: number];

/** Somebody who sends and receives datagrams in a network, simulated or of the lab. */
export interface ContractAgent {
  bind(...ports: number[]): Promise<void>;
  at(port: number): Endpoint;
  send(text: string, port: number, to: Endpoint, ttl?: number): void;
  receive(text: string): Promise<{ from: Endpoint }>;
  /** Which of these texts arrive at all. */
  receiveAny(texts: readonly string[]): Promise<string[]>;
}

export interface ContractNetwork {
  agent(node: string): ContractAgent;
  addressOf(node: string): string;
  rebind(nat: string): Promise<void>;
  elapse(ms: number): Promise<void>;
  close(): Promise<void>;
}

export interface NatScenario {
  hosts: HostSpec[];
  nats: NatSpec[];
}

const MAPPINGS: readonly Mapping[] = ['eim', 'adm', 'apdm'];
const FILTERINGS: readonly Filtering[] = ['eif', 'adf', 'apdf'];
const KINDS = MAPPINGS.flatMap((mapping) =>
  FILTERINGS.flatMap((filtering) =>
    (['preserve', 'random', 'sequential'] as const).map((ports) => ({ mapping, filtering, ports })),
  ),
);

const oneNat = (kind: NatKind): NatScenario => ({
  hosts: [
    { name: 'inside', address: '192.168.1.10', behind: 'nat' },
    { name: 'neighbour', address: '192.168.1.11', behind: 'nat' },
    { name: 'server', address: '203.0.113.10' },
    { name: 'stranger', address: '203.0.113.20' },
  ],
  nats: [{ name: 'nat', address: '198.51.100.1', inside: '192.168.1.0/24', ...kind }],
});

/** What a NAT does by its description, whoever plays it: the same cases run over the simulation and over the lab. */
export function natContract(build: (scenario: NatScenario) => Promise<ContractNetwork>): void {
  let network: ContractNetwork;
  let inside: ContractAgent;
  let neighbour: ContractAgent;
  let server: ContractAgent;
  let stranger: ContractAgent;
  let sent = 0;
  afterEach(() => network.close());

  async function start(kind: NatKind): Promise<void> {
    network = await build(oneNat(kind));
    const names = ['inside', 'neighbour', 'server', 'stranger'] as const;
    [inside, neighbour, server, stranger] = names.map((name) => network.agent(name)) as [
      ContractAgent,
      ContractAgent,
      ContractAgent,
      ContractAgent,
    ];
    await Promise.all([
      inside.bind(5000, 5001, 5002, 5003),
      neighbour.bind(5000, 5001),
      server.bind(4000, 4001),
      stranger.bind(4000),
    ]);
  }

  /** The outside endpoint of a flow, as its destination sees it. */
  async function outside(from: ContractAgent, port: number, to = server, toPort = 4000): Promise<Endpoint> {
    const text = `out ${++sent}`;
    from.send(text, port, to.at(toPort));
    return (await to.receive(text)).from;
  }

  async function mappingOf(): Promise<Mapping> {
    const first = await outside(inside, 5000);
    const otherPort = await outside(inside, 5000, server, 4001);
    const otherAddress = await outside(inside, 5000, stranger);
    if (first[1] !== otherPort[1]) return 'apdm';
    return first[1] === otherAddress[1] ? 'eim' : 'adm';
  }

  /** Only server:4000 was contacted; who else gets in through the port that it sees? */
  async function filteringOf(): Promise<Filtering> {
    const contact = await outside(inside, 5001);
    stranger.send('other address', 4000, contact);
    server.send('other port', 4001, contact);
    server.send('reply', 4000, contact);
    await inside.receive('reply');
    const arrived = await inside.receiveAny(['other address', 'other port']);
    if (arrived.includes('other address')) return 'eif';
    return arrived.includes('other port') ? 'adf' : 'apdf';
  }

  test.for(KINDS)('behaves as $mapping/$filtering with $ports ports', async (kind) => {
    await start(kind);
    expect(await mappingOf()).toBe(kind.mapping);
    expect(await filteringOf()).toBe(kind.filtering);
    expect((await outside(inside, 5002))[0]).toBe(network.addressOf('nat'));
    if (kind.ports === 'preserve') expect((await outside(inside, 5003))[1]).toBe(5003);
  });

  test('does not let two hosts share an outside port', async () => {
    await start({ mapping: 'eim', filtering: 'eif' });
    const [first, second] = [await outside(inside, 5000), await outside(neighbour, 5000, stranger)];
    expect(first[1]).not.toBe(second[1]);
    stranger.send('to the first', 4000, first);
    server.send('to the second', 4000, second);
    await inside.receive('to the first');
    await neighbour.receive('to the second');
  });

  test.for(FILTERINGS)('is not confused by a probe that comes too early (%s)', async (filtering) => {
    await start({ mapping: 'eim', filtering });
    server.send('early', 4000, [network.addressOf('nat'), 5000]);
    expect(await inside.receiveAny(['early'])).toEqual([]);
    expect(await outside(inside, 5000)).toEqual([network.addressOf('nat'), 5000]);
  });

  test.for(
    FILTERINGS,
  )('if poisonable (%s) is pushed to another port by an early probe', async (filtering) => {
    await start({ mapping: 'eim', filtering, poisonable: true });
    stranger.send('early', 4000, [network.addressOf('nat'), 5000]);
    expect(await inside.receiveAny(['early'])).toEqual([]);
    expect((await outside(inside, 5000))[1]).toBe(5000);
    expect((await outside(inside, 5000, stranger))[1]).not.toBe(5000);
    // Undisturbed it keeps its port towards everyone.
    expect((await outside(inside, 5001))[1]).toBe(5001);
    expect((await outside(inside, 5001, stranger))[1]).toBe(5001);
  });

  test.for([1, 3])('with sequential ports counts on by %i with each new mapping', async (step) => {
    await start({
      mapping: 'eim',
      filtering: 'apdf',
      ports: step === 1 ? 'sequential' : { sequential: step },
    });
    const [, first] = await outside(inside, 5000);
    expect((await outside(neighbour, 5000))[1]).toBe(first + step);
    expect((await outside(neighbour, 5001))[1]).toBe(first + 2 * step);
    expect((await outside(inside, 5000, stranger))[1]).toBe(first); // the same mapping again
    expect((await outside(inside, 5001))[1]).toBe(first + 3 * step);
  });

  test('with blocks gives each inside host ports of its own block, each once, until they are used up', async () => {
    await start({ mapping: 'apdm', filtering: 'apdf', ports: { block: 8 } });
    const ports: number[] = [];
    for (const port of [5000, 5001, 5002, 5003])
      for (const toPort of [4000, 4001]) ports.push((await outside(inside, port, server, toPort))[1]);
    expect(new Set(ports).size).toBe(8);
    expect(Math.max(...ports) - Math.min(...ports)).toBe(7);
    inside.send('one too many', 5000, stranger.at(4000));
    expect(await stranger.receiveAny(['one too many'])).toEqual([]);
    const [, other] = await outside(neighbour, 5000);
    expect(other < Math.min(...ports) || other > Math.max(...ports)).toBe(true);
  });

  test('without hairpin lets nobody reach a neighbour through its outside address', async () => {
    await start({ mapping: 'eim', filtering: 'eif' });
    inside.send('hairpin', 5000, await outside(neighbour, 5001));
    expect(await neighbour.receiveAny(['hairpin'])).toEqual([]);
  });

  test('with hairpin shows the neighbour the outside endpoint, and answers pass', async () => {
    await start({ mapping: 'eim', filtering: 'eif', hairpin: true, ports: 'random' });
    const [from, to] = [await outside(inside, 5000), await outside(neighbour, 5001)];
    inside.send('there', 5000, to);
    expect((await neighbour.receive('there')).from).toEqual(from);
    neighbour.send('and back', 5001, from);
    expect((await inside.receive('and back')).from).toEqual(to);
  });

  test.for([
    'adf',
    'apdf',
  ] as const)('with hairpin and %s treats a neighbour as a stranger', async (filtering) => {
    await start({ mapping: 'eim', filtering, hairpin: true });
    const [from, to] = [await outside(inside, 5000), await outside(neighbour, 5001)];
    inside.send('too early', 5000, to);
    expect(await neighbour.receiveAny(['too early'])).toEqual([]);
    neighbour.send('opens', 5001, from);
    await inside.receive('opens'); // it was contacted by the one that came too early
    inside.send('now', 5000, to);
    await neighbour.receive('now');
  });

  test.for(MAPPINGS)('answers a stranger that was let in from the port it sent to (%s)', async (mapping) => {
    await start({ mapping, filtering: 'eif', ports: 'random' });
    const to = await outside(inside, 5000);
    stranger.send('in', 4000, to);
    await inside.receive('in');
    expect(await outside(inside, 5000, stranger)).toEqual(to);
  });

  test('forgets a mapping that was idle for its lifetime, and not one that was used', async () => {
    await start({ mapping: 'eim', filtering: 'eif', ports: 'random', lifetimeS: 1 });
    const [idle, used] = [await outside(inside, 5000), await outside(inside, 5001)];
    for (let passedMs = 0; passedMs < 2000; passedMs += 200) {
      expect(await outside(inside, 5001)).toEqual(used);
      await network.elapse(200);
    }
    stranger.send('too late', 4000, idle);
    stranger.send('in time', 4000, used);
    await inside.receive('in time');
    expect(await inside.receiveAny(['too late'])).toEqual([]);
    expect(await outside(inside, 5000)).not.toEqual(idle);
  });

  test.for([
    'eim',
    'apdm',
  ] as const)('with a fixed age gives a used mapping (%s) another port', async (mapping) => {
    await start({ mapping, filtering: 'apdf', ports: 'random', maxAgeS: 1 });
    const first = await outside(inside, 5000);
    let now = first;
    for (let tries = 0; tries < 40 && now[1] === first[1]; tries++) {
      await network.elapse(50);
      now = await outside(inside, 5000);
    }
    expect(now[1]).not.toBe(first[1]);
    server.send('to the new one', 4000, now);
    server.send('to the old one', 4000, first);
    await inside.receive('to the new one');
    expect(await inside.receiveAny(['to the old one'])).toEqual([]);
  });

  test('gives other ports after a rebind, and the old ones lead nowhere', async () => {
    await start({ mapping: 'eim', filtering: 'eif' });
    const before = await outside(inside, 5000);
    await network.rebind('nat');
    server.send('to the old one', 4000, before);
    expect(await inside.receiveAny(['to the old one'])).toEqual([]);
    expect((await outside(inside, 5000))[1]).not.toBe(before[1]);
  });

  test('lets a low-TTL packet open the NAT and go no further', async () => {
    await start({ mapping: 'eim', filtering: 'apdf' });
    const [, port] = await outside(inside, 5000);
    stranger.send('too early', 4000, [network.addressOf('nat'), port]);
    // Two programs: only once the one packet has gone by may the other open the way for it.
    expect(await inside.receiveAny(['too early'])).toEqual([]);
    inside.send('short', 5000, stranger.at(4000), 5);
    expect(await stranger.receiveAny(['short'])).toEqual([]);
    stranger.send('now', 4000, [network.addressOf('nat'), port]);
    await inside.receive('now');
    expect(await inside.receiveAny(['too early'])).toEqual([]);
  });
}

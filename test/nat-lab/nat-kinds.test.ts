import { type Lab, type LabSpec, type NatKind, type NatSpec, startLab } from '@overcall/nat-lab';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Agent, type Endpoint } from './agent.ts';
import { describeLab } from './describe-lab.ts';

const INSIDE_PORT = 5000;

/** One NAT with two hosts behind it, and two servers with two ports each. */
const oneNat = (kind: NatKind): LabSpec => ({
  hosts: [
    { name: 'inside', address: '192.168.1.10', behind: 'nat' },
    { name: 'neighbour', address: '192.168.1.11', behind: 'nat' },
    { name: 'server', address: '203.0.113.10' },
    { name: 'stranger', address: '203.0.113.20' },
  ],
  nats: [{ name: 'nat', address: '198.51.100.1', inside: '192.168.1.0/24', ...kind }],
});

/** The outside endpoints that server:4000, server:4001 and stranger:4000 see. */
async function mappings(inside: Agent, server: Agent, stranger: Agent): Promise<Endpoint[]> {
  const seen: Endpoint[] = [];
  for (const [agent, port] of [
    [server, 4000],
    [server, 4001],
    [stranger, 4000],
  ] as const) {
    const text = `out ${seen.length}`;
    inside.send(text, INSIDE_PORT, agent.at(port));
    seen.push((await agent.receive(text)).from);
  }
  return seen;
}

function mappingOf([first, otherPort, otherAddress]: Endpoint[]): NatSpec['mapping'] {
  if (first![1] !== otherPort![1]) return 'apdm';
  return first![1] === otherAddress![1] ? 'eim' : 'adm';
}

const GETS_IN = { eif: ['other address', 'other port'], adf: ['other port'], apdf: [] };

/** Only server:4000 was contacted; who else gets in through the port that it sees? */
async function filteringOf(
  expected: NatSpec['filtering'],
  { inside, server, stranger }: Record<'inside' | 'server' | 'stranger', Agent>,
): Promise<NatSpec['filtering']> {
  inside.send('contact', INSIDE_PORT + 1, server.at(4000));
  const { from: outside } = await server.receive('contact');
  stranger.send('other address', 4000, outside);
  server.send('other port', 4001, outside);
  server.send('reply', 4000, outside);
  await inside.receive('reply');
  const texts = ['other address', 'other port'];
  const arrived = await inside.receiveAny(texts, GETS_IN[expected]);
  if (arrived.includes('other address')) return 'eif';
  return arrived.includes('other port') ? 'adf' : 'apdf';
}

const KINDS: (NatKind & { ports: string })[] = (['eim', 'adm', 'apdm'] as const).flatMap((mapping) =>
  (['eif', 'adf', 'apdf'] as const).flatMap((filtering) =>
    (['preserve', 'random'] as const).map((ports) => ({ mapping, filtering, ports })),
  ),
);

await describeLab('a NAT in the lab', () => {
  let lab: Lab;
  let agents: Record<'inside' | 'neighbour' | 'server' | 'stranger', Agent>;

  async function build(kind: NatKind): Promise<void> {
    lab = await startLab(oneNat(kind));
    const agent = (node: string) => new Agent(lab, node);
    agents = {
      inside: agent('inside'),
      neighbour: agent('neighbour'),
      server: agent('server'),
      stranger: agent('stranger'),
    };
    await Promise.all([
      agents.inside.bind(INSIDE_PORT, INSIDE_PORT + 1, INSIDE_PORT + 2),
      agents.neighbour.bind(INSIDE_PORT),
      agents.server.bind(4000, 4001),
      agents.stranger.bind(4000),
    ]);
  }
  afterEach(() => lab.close());

  test.for(KINDS)('behaves as $mapping/$filtering with $ports ports', async (kind) => {
    await build(kind);
    const { inside, server, stranger } = agents;
    const outside = await mappings(inside, server, stranger);
    expect(outside.map(([address]) => address)).toEqual(Array(3).fill(lab.addressOf('nat')));
    expect(mappingOf(outside)).toBe(kind.mapping);
    expect(await filteringOf(kind.filtering, agents)).toBe(kind.filtering);
    // One chance in some 60,000 that a random port is the inside one.
    expect(outside[0]![1] === INSIDE_PORT).toBe(kind.ports === 'preserve');
  });

  test('does not let two hosts share an outside port', async () => {
    await build({ mapping: 'eim', filtering: 'eif' });
    const { inside, neighbour, server, stranger } = agents;
    inside.send('first', INSIDE_PORT, server.at(4000));
    const first = await server.receive('first');
    neighbour.send('second', INSIDE_PORT, stranger.at(4000));
    const second = await stranger.receive('second');
    expect(first.from[1]).not.toBe(second.from[1]);
    stranger.send('to the first', 4000, first.from);
    server.send('to the second', 4000, second.from);
    await inside.receive('to the first');
    await neighbour.receive('to the second');
  });

  test.for(
    KINDS.filter(({ mapping, ports }) => mapping === 'eim' && ports === 'preserve'),
  )('is not confused by a probe that comes too early ($mapping/$filtering)', async (kind) => {
    await build(kind);
    const { inside, server } = agents;
    const outside: Endpoint = [lab.addressOf('nat'), INSIDE_PORT];
    server.send('early', 4000, outside);
    expect(await inside.receiveAny(['early'])).toEqual([]);
    inside.send('out', INSIDE_PORT, server.at(4000));
    expect((await server.receive('out')).from).toEqual(outside);
    server.send('back', 4000, outside);
    await inside.receive('back');
  });
});

await describeLab('the middle of the lab', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await startLab({
      hosts: [
        { name: 'inside', address: '10.1.0.10', behind: 'home' },
        { name: 'server', address: '203.0.113.10' },
        { name: 'other', address: '203.0.113.20' },
      ],
      nats: [
        {
          name: 'home',
          address: '100.64.0.10',
          behind: 'carrier',
          inside: '10.1.0.0/16',
          mapping: 'eim',
          filtering: 'apdf',
        },
        {
          name: 'carrier',
          address: '198.51.100.1',
          inside: '100.64.0.0/24',
          mapping: 'eim',
          filtering: 'eif',
        },
      ],
      drop: [{ from: 'server', to: 'other', protocol: 'udp', port: 4001 }],
    });
  });
  afterEach(() => lab.close());

  test('passes through a NAT behind a NAT and back', async () => {
    const [inside, server] = [new Agent(lab, 'inside'), new Agent(lab, 'server')];
    await Promise.all([inside.bind(5000), server.bind(4000)]);
    inside.send('out', 5000, server.at(4000));
    const { from } = await server.receive('out');
    expect(from).toEqual([lab.addressOf('carrier'), 5000]);
    server.send('back', 4000, from);
    await inside.receive('back');
  });

  test('drops what the scenario says, in that direction only', async () => {
    const [server, other] = [new Agent(lab, 'server'), new Agent(lab, 'other')];
    await Promise.all([server.bind(4000, 4001), other.bind(4000, 4001)]);
    server.send('dropped', 4000, other.at(4001));
    server.send('other port', 4000, other.at(4000));
    other.send('other way', 4001, server.at(4001));
    await other.receive('other port');
    await server.receive('other way');
    expect(await other.receiveAny(['dropped'])).toEqual([]);
  });

  test('loses a packet whose TTL would not cross the Internet', async () => {
    const [server, other] = [new Agent(lab, 'server'), new Agent(lab, 'other')];
    await Promise.all([server.bind(4000), other.bind(4000)]);
    server.send('short', 4000, other.at(4000), 7);
    server.send('long', 4000, other.at(4000));
    await other.receive('long');
    expect(await other.receiveAny(['short'])).toEqual([]);
  });

  test('swallows packets to nowhere without an error', async () => {
    const server = new Agent(lab, 'server');
    await server.bind(4000);
    for (const address of ['192.168.77.7', '10.9.9.9', '192.0.2.1']) {
      server.send('lost', 4000, [address, 9]);
      server.send('lost too', 4000, [address, 9]);
    }
    await server.receiveAny([]);
    expect(server.errors()).toEqual([]);
  });
});

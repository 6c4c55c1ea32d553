import { isLabRequired, type Lab, loadScenario, shippedScenarios, startLab } from '@overcall/nat-lab';
import { test } from 'vitest';
import { gatewayOf } from '../../netns-scripts/src/spec.ts';
import { Agent, type Endpoint } from './agent.ts';
import { atOnce } from './at-once.ts';
import { describeLab, isThere } from './describe-lab.ts';
import { MappingHost } from './mapping-host.ts';

const PORT = 5000;
const ROUNDS = 3;

/** Scenarios in which what they expect can be tried with UDP, and some pairs of NAT kinds of each sort. */
const SCENARIOS = [
  ...shippedScenarios()
    .filter(({ expect: paths, firewalls }) => paths && !firewalls)
    .map(({ name }) => name),
  'pair:eim-apdf,eim-apdf',
  'pair:eim-apdf,apdm-apdf',
  'pair:eim-adf,apdm-apdf',
  'pair:adm-apdf,eim-adf',
  'pair:adm-apdf,eim-apdf',
  'pair:apdm-eif,apdm-apdf',
  'pair:apdm-adf,adm-adf',
];

/** For what has to come. */
const PATIENCE_MS = 20_000;
/** They wait for most of their time, for what does not come. */
const AT_ONCE = 2;

/** Lets alice and bob of this lab try to get through to each other over IPv4 or IPv6; what tells whether they have. */
function trialIn(lab: Lab): (family: 4 | 6) => Promise<() => Promise<boolean>> {
  /** Where strangers reach this host's port once the NAT in front of it has been asked by every protocol. */
  async function mapped(name: string): Promise<Endpoint[]> {
    const { behind } = lab.spec.hosts.find((host) => host.name === name)!;
    const nat = lab.spec.nats?.find((one) => one.name === behind);
    if (!nat?.portMapping) return [];
    const host = new MappingHost(lab, name, gatewayOf(nat).address);
    const endpoints: Endpoint[] = [];
    for (const protocol of nat.portMapping) {
      const answer = await host.map({ protocol, insidePort: PORT, outsidePort: PORT, lifetimeS: 60 });
      if (answer !== 'silence' && 'port' in answer) endpoints.push([answer.address, answer.port]);
    }
    return endpoints;
  }

  const hostNamed = (name: string) => lab.spec.hosts.find((host) => host.name === name)!;

  /** The first supernode to which nothing that this host sends is dropped on the way. */
  const reachableFrom = (name: string): string =>
    lab.spec.hosts
      .map((host) => host.name)
      .find(
        (other) =>
          other.startsWith('supernode') &&
          !lab.spec.drop?.some(({ from, to }) => from === name && to === other),
      ) ?? 'supernode';

  /** How a host writes an IPv4 endpoint. */
  const inFamilyOf = (name: string, [address, port]: Endpoint): Endpoint =>
    hostNamed(name).address === undefined && !address.includes(':')
      ? [`64:ff9b::${address}`, port]
      : [address, port];

  /** The simplest way to connect: everyone sends to every address of the other, and answers who is heard. */
  async function connect(family: 4 | 6): Promise<() => Promise<boolean>> {
    const askedBy = { alice: reachableFrom('alice'), bob: reachableFrom('bob') };
    const names = ['alice', 'bob', ...new Set(Object.values(askedBy))];
    if (family === 6 && names.some((name) => hostNamed(name).address6 === undefined))
      return async () => false;
    const agents = new Map(
      names.map((name) => [name, new Agent(lab, name, hostNamed(name).address === undefined ? 6 : family)]),
    );
    const [alice, bob] = [agents.get('alice')!, agents.get('bob')!];
    await Promise.all(
      [...agents].map(([, agent]) => agent.bind(agent === alice || agent === bob ? PORT : 3478)),
    );
    const candidates = async (agent: Agent, name: 'alice' | 'bob'): Promise<Endpoint[]> => {
      const supernode = agents.get(askedBy[name])!;
      const text = `${name} asks over ${family}`;
      agent.send(text, PORT, inFamilyOf(name, supernode.at(3478)));
      const seen = (await supernode.receive(text)).from;
      return [seen, agent.at(PORT), ...(await mapped(name))];
    };
    const [ofAlice, ofBob] = [await candidates(alice, 'alice'), await candidates(bob, 'bob')];
    const texts: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, to] of ofBob.entries())
        alice.send(`alice ${round} ${index}`, PORT, inFamilyOf('alice', to));
      for (const [index, to] of ofAlice.entries())
        bob.send(`bob ${round} ${index}`, PORT, inFamilyOf('bob', to));
      texts.push(...ofBob.map((_, index) => `alice ${round} ${index}`));
      texts.push(...ofAlice.map((_, index) => `bob ${round} ${index}`));
      await alice.receiveAny([]);
    }
    return async () => {
      for (const [listener, speaker] of [
        [alice, bob],
        [bob, alice],
      ] as const)
        for (const text of await listener.receiveAny(texts)) {
          const { from } = await listener.receive(text);
          listener.send(`answer to ${text}`, PORT, from);
          if ((await speaker.receiveAny([`answer to ${text}`])).length === 1) return true;
        }
      return false;
    };
  }

  return connect;
}

/** @param patienceMs for what has to come: it may be late on a busy machine */
async function pathIn(lab: Lab, patienceMs: number): Promise<'direct' | 'relay'> {
  const connect = trialIn(lab);
  const trials: (() => Promise<boolean>)[] = [];
  for (const family of [6, 4] as const) {
    const isThrough = await connect(family);
    if (await isThrough()) return 'direct';
    trials.push(isThrough);
  }
  const endMs = Date.now() + patienceMs;
  while (Date.now() < endMs) for (const isThrough of trials) if (await isThrough()) return 'direct';
  return 'relay';
}

await describeLab('what a scenario expects', () => {
  const inTurn = atOnce(AT_ONCE);

  test.concurrent.for(SCENARIOS)('is so in %s', (name, { skip, expect }) => {
    const scenario = loadScenario(name);
    const needsServer = scenario.nats?.some(({ portMapping }) => portMapping);
    if (needsServer && !isLabRequired() && !isThere('miniupnpd')) skip('miniupnpd is missing');
    return inTurn(async () => {
      // What a bad link loses would look like a filter.
      const links = scenario.links?.map(({ node }) => ({ node }));
      const lab = await startLab({ ...scenario, ...(links && { links }) });
      try {
        const expected = scenario.expect?.[0]?.path;
        expect(await pathIn(lab, expected === 'direct' ? PATIENCE_MS : 0)).toBe(expected);
      } finally {
        await lab.close();
      }
    });
  });
});

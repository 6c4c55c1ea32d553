import { isLabRequired, type Lab, loadScenario, shippedScenarios, startLab } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { gatewayOf } from '../../netns-scripts/src/spec.ts';
import { Agent, type Endpoint } from './agent.ts';
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

await describeLab('what a scenario expects', () => {
  let lab: Lab;
  afterEach(() => lab?.close());

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

  /** The simplest way to connect: everyone sends to every address of the other, and answers who is heard. */
  async function connects(): Promise<boolean> {
    const [alice, bob, supernode] = ['alice', 'bob', 'supernode'].map((node) => new Agent(lab, node)) as [
      Agent,
      Agent,
      Agent,
    ];
    await Promise.all([alice.bind(PORT), bob.bind(PORT), supernode.bind(3478)]);
    const candidates = async (agent: Agent, name: string): Promise<Endpoint[]> => {
      agent.send(`${name} asks`, PORT, supernode.at(3478));
      const seen = (await supernode.receive(`${name} asks`)).from;
      return [seen, agent.at(PORT), ...(await mapped(name))];
    };
    const [ofAlice, ofBob] = [await candidates(alice, 'alice'), await candidates(bob, 'bob')];
    const texts: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, to] of ofBob.entries()) alice.send(`alice ${round} ${index}`, PORT, to);
      for (const [index, to] of ofAlice.entries()) bob.send(`bob ${round} ${index}`, PORT, to);
      texts.push(...ofBob.map((_, index) => `alice ${round} ${index}`));
      texts.push(...ofAlice.map((_, index) => `bob ${round} ${index}`));
      await alice.receiveAny([]);
    }
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
  }

  test.for(SCENARIOS)('is so in %s', async (name, { skip }) => {
    const scenario = loadScenario(name);
    const needsServer = scenario.nats?.some(({ portMapping }) => portMapping);
    if (needsServer && !isLabRequired() && !isThere('miniupnpd')) skip('miniupnpd is missing');
    lab = await startLab(scenario);
    expect((await connects()) ? 'direct' : 'relay').toBe(scenario.expect?.[0]?.path);
  });
});

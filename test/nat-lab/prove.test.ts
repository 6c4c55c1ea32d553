import { spawnSync } from 'node:child_process';
import { type Lab, type LabSpec, loadScenario, type NatSpec, startLab } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { Agent } from './agent.ts';
import { describeLab } from './describe-lab.ts';

const oneNat = (kind: Partial<NatSpec>): LabSpec => ({
  hosts: [{ name: 'alice', address: '192.168.1.10', behind: 'nat' }],
  nats: [
    {
      name: 'nat',
      address: '198.51.100.1',
      inside: '192.168.1.0/24',
      mapping: 'eim',
      filtering: 'apdf',
      ...kind,
    },
  ],
});

await describeLab('the proof of a NAT', () => {
  let lab: Lab;
  afterEach(() => lab.close());

  test.for<Partial<NatSpec>>([
    { mapping: 'eim', filtering: 'eif', ports: 'preserve', hairpin: true },
    { mapping: 'eim', filtering: 'adf', ports: 'random' },
    { mapping: 'eim', filtering: 'apdf', ports: 'sequential', hairpin: true },
    { mapping: 'adm', filtering: 'eif', ports: { sequential: 2 }, hairpin: true },
    { mapping: 'adm', filtering: 'adf', ports: 'random' },
    { mapping: 'adm', filtering: 'apdf', ports: 'preserve' },
    { mapping: 'apdm', filtering: 'eif', ports: { block: 8 }, hairpin: true },
    { mapping: 'apdm', filtering: 'adf', ports: { block: 256 } },
    { mapping: 'apdm', filtering: 'apdf', ports: 'random', inbound: 'reject' },
    { poisonable: true },
    { maxAgeS: 60, ports: 'random' },
  ])('agrees with what the lab builds: %j', async (kind) => {
    lab = await startLab(oneNat(kind));
    expect(await lab.prove()).toMatchObject([{ nat: 'nat', from: 'alice' }]);
  });

  /** A rule in the NAT that nobody asked for. */
  function tamper(rules: string): void {
    const [program, ...args] = lab.command('nat', ['nft', '-f', '-']);
    expect(spawnSync(program!, args, { input: rules, encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  }
  const OTHER = 'table ip other { chain c { type nat hook postrouting priority srcnat - 1; ';

  test.for<[what: string, kind: Partial<NatSpec>, rules: string]>([
    ['mapping is apdm, not eim', {}, `${OTHER} oifname "wan" masquerade random,fully-random; }; }`],
    [
      'port allocation is random, not preserve',
      {},
      `${OTHER} oifname "wan" masquerade random,fully-random; }; }`,
    ],
    ['filtering is apdf, not eif', { filtering: 'eif' }, 'flush chain ip nat_lab from_outside'],
    ['hairpin is off, not on', { hairpin: true }, 'flush chain ip nat_lab from_outside'],
  ])('tells that %s', async ([difference, kind, rules]) => {
    lab = await startLab(oneNat(kind));
    tamper(rules);
    await expect(lab.prove()).rejects.toMatchObject({
      code: 'nat-not-as-claimed',
      message: expect.stringContaining(`NAT "nat": ${difference}`),
    });
  });

  test('measures each of several NATs for itself, also one that nobody is behind yet', async () => {
    lab = await startLab({
      hosts: [{ name: 'alice', address: '192.168.1.10', behind: 'home' }],
      nats: [
        {
          name: 'home',
          address: '100.64.0.10',
          behind: 'carrier',
          inside: '192.168.1.0/24',
          mapping: 'eim',
          filtering: 'apdf',
        },
        {
          name: 'carrier',
          address: '198.51.100.1',
          inside: '100.64.0.0/24',
          mapping: 'apdm',
          filtering: 'eif',
          ports: { block: 64 },
        },
        {
          name: 'mobile',
          address: '198.51.100.2',
          inside: '10.0.0.0/24',
          mapping: 'adm',
          filtering: 'adf',
          ports: 'random',
        },
      ],
    });
    expect(await lab.prove()).toMatchObject([
      { nat: 'home', from: 'alice', mapping: 'eim', filtering: 'apdf' },
      { nat: 'carrier', mapping: 'apdm', filtering: 'eif' },
      { nat: 'mobile', mapping: 'adm', filtering: 'adf', ports: 'random' },
    ]);
  });

  test('leaves the NAT as it was before', async () => {
    lab = await startLab({
      ...oneNat({ ports: 'sequential' }),
      hosts: [...oneNat({}).hosts, { name: 'server', address: '203.0.113.10' }],
    });
    const [alice, server] = [new Agent(lab, 'alice'), new Agent(lab, 'server')];
    await Promise.all([alice.bind(5000), server.bind(4000)]);
    await lab.prove();
    alice.send('first', 5000, server.at(4000));
    const { from } = await server.receive('first');
    await lab.prove();
    alice.send('second', 5000, server.at(4000));
    expect((await server.receive('second')).from).toEqual(from);
  });

  test('counts over links on which nothing could be measured, and leaves them as they were', async () => {
    const spec = oneNat({});
    lab = await startLab({
      hosts: [...spec.hosts, { name: 'server', address: '203.0.113.10' }],
      nats: spec.nats!,
      links: [{ node: 'alice', delayMs: 300, kbitPerS: 8 }, { node: 'nat' }],
    });
    await lab.apply({ do: 'degrade', node: 'nat', link: { lossPct: 100 } });
    expect(await lab.prove()).toMatchObject([{ nat: 'nat', mapping: 'eim', filtering: 'apdf' }]);
    const [alice, server] = [new Agent(lab, 'alice'), new Agent(lab, 'server')];
    await Promise.all([alice.bind(5000), server.bind(4000)]);
    alice.send('into the void', 5000, server.at(4000));
    alice.send('another', 5000, server.at(4000));
    expect(await server.receiveAny(['into the void', 'another'])).toEqual([]);
    await lab.apply({ do: 'heal' });
    alice.send('through', 5000, server.at(4000));
    await server.receive('through');
  });

  test('takes well under two seconds for a pair of NATs', async () => {
    lab = await startLab(loadScenario('pair:eim-apdf,apdm-apdf'));
    const tookMs: number[] = [];
    for (let round = 0; round < 3; round++) {
      const startedAt = performance.now();
      await lab.prove();
      tookMs.push(performance.now() - startedAt);
    }
    expect(Math.min(...tookMs)).toBeLessThan(1500); // the best of three: the machine may be busy with others
  });
});

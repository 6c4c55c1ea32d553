import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Lab, type LabSpec, loadScenario, type NatSpec, startLab } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import type { Mapped } from '../../netns-scripts/src/port-mapping/clients.ts';
import { Agent, type Endpoint } from './agent.ts';
import { describeLab } from './describe-lab.ts';
import { MappingHost } from './mapping-host.ts';

type Protocol = NonNullable<NatSpec['portMapping']>[number];
const ALL: Protocol[] = ['upnp-igd', 'nat-pmp', 'pcp'];

const OUTSIDE = '11.22.33.1';
const GATEWAY = '192.168.1.1';

const network = (kind: Partial<NatSpec> = {}): LabSpec => ({
  hosts: [
    { name: 'alice', address: '192.168.1.10', behind: 'home' },
    { name: 'carol', address: '192.168.1.11', behind: 'home' },
    { name: 'server', address: '203.0.113.10' },
    { name: 'other', address: '203.0.113.20' },
  ],
  nats: [
    {
      name: 'home',
      address: OUTSIDE,
      inside: '192.168.1.0/24',
      mapping: 'apdm',
      filtering: 'apdf',
      ports: 'random',
      portMapping: ALL,
      ...kind,
    },
  ],
});

await describeLab('port mapping', () => {
  let lab: Lab;
  afterEach(() => lab?.close());

  let sent = 0;
  /** Whether a packet from a host that nobody has sent anything to arrives at alice's port 5000. */
  async function letsIn(
    isExpected: boolean,
    alice: Agent,
    stranger: Agent,
    to: Endpoint,
    from = 4000,
  ): Promise<boolean> {
    const text = `stranger ${++sent}`;
    stranger.send(text, from, to);
    return (await alice.receiveAny([text], isExpected ? [text] : [])).length === 1;
  }

  async function start(kind: Partial<NatSpec> = {}) {
    lab = await startLab(network(kind));
    const [alice, server, other] = ['alice', 'server', 'other'].map((name) => new Agent(lab, name)) as [
      Agent,
      Agent,
      Agent,
    ];
    await Promise.all([alice.bind(5000), server.bind(4000, 4001, 4002, 4003), other.bind(4000)]);
    return { alice, server, other, mapper: new MappingHost(lab, 'alice', GATEWAY) };
  }

  /** A client that is not ours, on alice. */
  function client(...argv: string[]): string {
    const [program, ...args] = lab.command('alice', argv);
    const { stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 10_000 });
    return stdout + stderr;
  }
  const upnpc = (...args: string[]) => client('upnpc', '-m', 'eth0', ...args);

  test('works with upnpc: UDP and TCP, add and delete', async () => {
    const { alice, server } = await start({ portMapping: ['upnp-igd'] });
    const added = upnpc('-e', 'test', '-a', '192.168.1.10', '5000', '6000', 'UDP', '60');
    expect(added).toContain(`ExternalIPAddress = ${OUTSIDE}`);
    expect(added).toContain(`external ${OUTSIDE}:6000 UDP is redirected to internal 192.168.1.10:5000`);
    expect(await letsIn(true, alice, server, [OUTSIDE, 6000])).toBe(true);
    upnpc('-d', '6000', 'UDP');
    expect(await letsIn(false, alice, server, [OUTSIDE, 6000], 4001)).toBe(false);
    upnpc('-a', '192.168.1.10', '5000', '6000', 'TCP', '60');
    expect(await reachesTcp(6000)).toBe(true);
    // One's own address only: that of a neighbour is refused.
    expect(upnpc('-a', '192.168.1.11', '5000', '6001', 'UDP', '60')).toMatch(/failed with code 718/);
    await lab.prove(); // that it answers nothing else, too
  });

  /** Whether a stranger reaches a TCP server on alice's port 5000 through the NAT. */
  async function reachesTcp(port: number): Promise<boolean> {
    const serve = `require('net').createServer((s) => s.end('hello')).listen(5000, '0.0.0.0', () => console.log('up'))`;
    const [program, ...args] = lab.command('alice', [process.execPath, '-e', serve]);
    const server = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(server.stdout, 'data');
    const connect = `require('net').connect(${port}, '${OUTSIDE}').setTimeout(20_000, () => process.exit()).pipe(process.stdout)`;
    const [asker, ...rest] = lab.command('other', [process.execPath, '-e', connect]);
    const { stdout } = spawnSync(asker!, rest, { encoding: 'utf8' });
    server.kill('SIGKILL');
    return stdout === 'hello';
  }

  test('works with natpmpc: address, add and delete', async () => {
    const { alice, server } = await start({ portMapping: ['nat-pmp'] });
    const added = client('natpmpc', '-g', GATEWAY, '-a', '6000', '5000', 'udp', '60');
    expect(added).toContain(`Public IP address : ${OUTSIDE}`);
    expect(added).toContain('Mapped public port 6000 protocol UDP to local port 5000');
    expect(await letsIn(true, alice, server, [OUTSIDE, 6000])).toBe(true);
    client('natpmpc', '-g', GATEWAY, '-a', '6000', '5000', 'udp', '0');
    expect(await letsIn(false, alice, server, [OUTSIDE, 6000], 4001)).toBe(false);
    await lab.prove();
  });

  test.for<
    [mapping: NatSpec['mapping'], filtering: NatSpec['filtering'], ports: NonNullable<NatSpec['ports']>]
  >([
    ['eim', 'eif', 'preserve'],
    ['eim', 'adf', 'sequential'],
    ['eim', 'apdf', 'preserve'],
    ['adm', 'apdf', { block: 16 }],
    ['apdm', 'apdf', 'random'],
  ])('a port mapped by PCP lets anyone in and answers out, at a NAT that is %s, %s, %j', async ([
    mapping,
    filtering,
    ports,
  ]) => {
    const { alice, server, other, mapper } = await start({ mapping, filtering, ports });
    const wish = { protocol: 'pcp', insidePort: 5000, outsidePort: 6000 } as const;
    expect(await mapper.map({ ...wish, lifetimeS: 60 })).toMatchObject({
      address: OUTSIDE,
      port: 6000,
      lifetimeS: 60,
    });
    for (const [index, stranger] of [server, other].entries()) {
      stranger.send(`in ${index}`, 4000, [OUTSIDE, 6000]);
      const { from } = await alice.receive(`in ${index}`);
      alice.send(`out ${index}`, 5000, from);
      expect((await stranger.receive(`out ${index}`)).from).toEqual([OUTSIDE, 6000]);
    }
    // What it has learned from the answers does not keep the port open.
    await mapper.map({ ...wish, lifetimeS: 0 });
    expect(await letsIn(false, alice, server, [OUTSIDE, 6000], 4001)).toBe(false);
    expect(await lab.prove()).toMatchObject([
      { mapping, filtering, portMapping: { 'upnp-igd': 'maps', 'nat-pmp': 'maps', pcp: 'maps' } },
    ]);
  });

  test('a packet that the host itself sends first is mapped as the NAT maps all others', async () => {
    const { alice, server, mapper } = await start({ mapping: 'eim', ports: 'preserve' });
    await mapper.map({ protocol: 'pcp', insidePort: 5000, outsidePort: 6000, lifetimeS: 60 });
    alice.send('first', 5000, server.at(4000));
    expect((await server.receive('first')).from).toEqual([OUTSIDE, 5000]);
  });

  test.for(ALL)('a mapping by %s ends with its lease', async (protocol) => {
    const { alice, server, mapper } = await start();
    await mapper.map({ protocol, insidePort: 5000, outsidePort: 6000, lifetimeS: 2 });
    expect(await letsIn(true, alice, server, [OUTSIDE, 6000])).toBe(true);
    await delay(3000);
    expect(await letsIn(false, alice, server, [OUTSIDE, 6000], 4001)).toBe(false);
  });

  test.for([
    { do: 'rebind', nat: 'home' },
    { do: 'renumber', nat: 'home', address: '11.22.33.99' },
  ] as const)('a router that starts again ($do) has lost its mappings, and says so', async (event) => {
    const { alice, server, mapper } = await start();
    const wish = { protocol: 'pcp', insidePort: 5000, outsidePort: 6000, lifetimeS: 60 } as const;
    await mapper.map(wish);
    await delay(1500);
    const before = await mapper.map(wish);
    expect(await letsIn(true, alice, server, [OUTSIDE, 6000])).toBe(true);
    await lab.apply(event);
    const address = lab.addressOf('home');
    expect(await letsIn(false, alice, server, [address, 6000])).toBe(false);
    const after = await mapper.map(wish);
    expect(after).toMatchObject({ address, port: 6000 });
    expect((after as { epochS: number }).epochS).toBeLessThan((before as { epochS: number }).epochS);
    expect(await letsIn(true, alice, server, [address, 6000], 4001)).toBe(true);
    await lab.prove();
    expect(await letsIn(true, alice, server, [address, 6000], 4002)).toBe(true);
  });

  test('is served inside only, and dies with its NAT', async () => {
    const { mapper } = await start();
    const stranger = new MappingHost(lab, 'other', OUTSIDE);
    const wish = { insidePort: 5000, outsidePort: 6000, lifetimeS: 60 };
    for (const protocol of ALL) expect(await stranger.map({ protocol, ...wish }, false)).toBe('silence');
    await lab.apply({ do: 'kill', node: 'home' });
    for (const protocol of ALL) expect(await mapper.map({ protocol, ...wish }, false)).toBe('silence');
    await expect(lab.prove()).rejects.toMatchObject({
      code: 'nat-not-as-claimed',
      message: expect.stringContaining('NAT "home": it does not answer upnp-igd'),
    });
    await lab.apply({ do: 'rebind', nat: 'home' });
    expect(await lab.prove()).toHaveLength(1);
  });

  test.for<[difference: string, rules: string]>([
    ['a stranger does not reach a port that pcp has mapped', 'flush chain inet port_mapping from_outside'],
    ['it does not answer nat-pmp', 'add rule inet port_mapping requests udp dport 5351 @th,64,8 0 drop'],
    [
      'it answers nat-pmp',
      'flush chain inet port_mapping requests; flush chain inet port_mapping announcements',
    ],
  ])('the proof tells that %s', async ([difference, rules]) => {
    await start({ portMapping: difference === 'it answers nat-pmp' ? ['pcp'] : ['pcp', 'nat-pmp'] });
    const [program, ...args] = lab.command('home', ['nft', rules]);
    expect(spawnSync(program!, args, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    await expect(lab.prove()).rejects.toMatchObject({
      code: 'nat-not-as-claimed',
      message: expect.stringContaining(difference),
    });
  });

  test('behind a carrier, the NAT answers and refuses', async () => {
    lab = await startLab(loadScenario('port-mapping-double-nat'));
    const mapper = new MappingHost(lab, 'alice', GATEWAY);
    const wish = { insidePort: 5000, outsidePort: 6000, lifetimeS: 60 };
    const answers: Mapped[] = [];
    for (const protocol of ALL) answers.push(await mapper.map({ protocol, ...wish }));
    // Action failed; network failure; no resources.
    expect(answers).toEqual([{ refused: 501 }, { refused: 3 }, { refused: 8 }]);
    expect(client('natpmpc', '-g', GATEWAY)).toContain('FAILED');
    expect(upnpc('-s')).toContain('not connected?');
  });
}, ['miniupnpd', 'upnpc', 'natpmpc']);

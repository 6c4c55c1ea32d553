import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  type FirewallSpec,
  type Lab,
  type LabSpec,
  loadScenario,
  type NatSpec,
  startLab,
} from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { Agent } from './agent.ts';
import { describeLab } from './describe-lab.ts';

const SERVER = { name: 'server', address: '203.0.113.10', address6: '2001:db8:5::10' };
const ALICE6 = { name: 'alice', address6: '2001:db8:a::10', behind: 'nat-a' };
const THROUGH = '64:ff9b::';

const natA = (changes: Partial<NatSpec> = {}): NatSpec => ({
  name: 'nat-a',
  address: '198.51.100.1',
  inside: '192.168.1.0/24',
  inside6: '2001:db8:a::/64',
  mapping: 'eim',
  filtering: 'apdf',
  ...changes,
});

/** For what has to come. */
const PATIENCE_MS = 20_000;

await describeLab('IPv6 in the lab', () => {
  let lab: Lab;
  afterEach(() => lab.close());

  const build = async (spec: LabSpec): Promise<void> => {
    lab = await startLab(spec);
  };
  const oneNat = (changes: Partial<NatSpec> = {}, firewalls: FirewallSpec[] = []): LabSpec => ({
    hosts: [SERVER, ALICE6],
    nats: [natA(changes)],
    firewalls,
  });
  const at = (node: string, ...argv: string[]) => {
    const [program, ...args] = lab.command(node, argv);
    return spawnSync(program!, args, { encoding: 'utf8' });
  };
  const pings = (isExpected: boolean, node: string, to: string, ...options: string[]): boolean => {
    const patienceS = isExpected ? String(PATIENCE_MS / 1000) : '0.4';
    return at(node, 'ping', '-n', '-c', '2', '-i', '0.01', '-W', patienceS, ...options, to).status === 0;
  };

  /** Says what comes in on TCP ports; each connection gets its own bytes back. */
  async function echo(node: string, ...ports: number[]): Promise<void> {
    const text = `let open = 0; for (const port of [${ports}]) require('net').createServer((s) => s.on('error', () => {}).pipe(s)).listen(port, () => ++open === ${ports.length} && console.log('ready'))`;
    const [program, ...args] = lab.command(node, [process.execPath, '-e', text]);
    await once(spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout, 'data');
  }
  /** What becomes of so many bytes that are to come back from there. */
  function tcpEnd(node: string, address: string, port: number, bytes: number, patienceMs: number) {
    const text = `let rest = ${bytes}; const s = require('net').connect(${port}, '${address}', () => s.write(Buffer.alloc(${bytes}, 7)));
      s.on('data', (d) => { rest -= d.length; if (rest === 0) process.exit(0); }).on('error', () => process.exit(1)); setTimeout(() => process.exit(2), ${patienceMs})`;
    return (['back', 'refused', 'silence'] as const)[at(node, process.execPath, '-e', text).status!];
  }
  /** What has to come is waited for: it may be late on a busy machine. */
  const tcp = (node: string, address: string, port: number, isExpected: boolean, bytes = 5): boolean =>
    tcpEnd(node, address, port, bytes, isExpected ? PATIENCE_MS : 400) === 'back';

  test('passes natively where nothing guards it, with the address of each host', async () => {
    await build(loadScenario('ipv6-native'));
    const [alice, bob, supernode] = ['alice', 'bob', 'supernode'].map((name) => new Agent(lab, name, 6)) as [
      Agent,
      Agent,
      Agent,
    ];
    await Promise.all([alice.bind(5000), bob.bind(5000), supernode.bind(3478)]);
    alice.send('to the supernode', 5000, supernode.at(3478));
    expect((await supernode.receive('to the supernode')).from).toEqual(alice.at(5000));
    supernode.send('unasked', 3478, bob.at(5000));
    expect((await bob.receive('unasked')).from).toEqual(supernode.at(3478));
    bob.send('to alice', 5000, alice.at(5000));
    expect((await alice.receive('to alice')).from).toEqual(bob.at(5000));
    for (const [from, to] of [
      ['alice', 'bob'],
      ['bob', 'alice'],
    ] as const) {
      await echo(to, 8080);
      expect(tcp(from, lab.address6Of(to)!, 8080, true, 500_000)).toBe(true);
    }
  });

  test('a stateful firewall lets in answers only, and can be punched', async () => {
    await build(loadScenario('ipv6-firewall'));
    const [alice, bob, supernode] = ['alice', 'bob', 'supernode'].map((name) => new Agent(lab, name, 6)) as [
      Agent,
      Agent,
      Agent,
    ];
    await Promise.all([alice.bind(5000), bob.bind(5000), supernode.bind(3478, 3479)]);
    alice.send('hello', 5000, supernode.at(3478));
    await supernode.receive('hello');
    supernode.send('from elsewhere', 3479, alice.at(5000));
    bob.send('too early', 5000, alice.at(5000));
    expect(await alice.receiveAny(['from elsewhere', 'too early'])).toEqual([]);
    supernode.send('answer', 3478, alice.at(5000));
    await alice.receive('answer');
    alice.send('opens', 5000, bob.at(5000)); // bob has sent before, so it comes in
    await bob.receive('opens');
    bob.send('now', 5000, alice.at(5000));
    await alice.receive('now');
    await echo('alice', 8080);
    expect(tcp('bob', lab.address6Of('alice')!, 8080, false)).toBe(false);
    await lab.apply({ do: 'rebind', nat: 'nat-a' });
    supernode.send('after the rebind', 3478, alice.at(5000));
    expect(await alice.receiveAny(['after the rebind'])).toEqual([]);
  });

  test('a firewall that rejects says so', async () => {
    await build(oneNat({ inbound: 'reject' }));
    expect(tcpEnd('server', ALICE6.address6, 8080, 5, PATIENCE_MS)).toBe('refused');
    expect(at('server', 'ping', '-n', '-c', '1', '-W', '20', ALICE6.address6).stdout).toContain('prohibited');
  });

  test('hosts behind one router reach each other, unless they are isolated', async () => {
    const BOB6 = { ...ALICE6, name: 'bob', address6: '2001:db8:a::20' };
    const inner = natA({ name: 'inner', behind: 'nat-a', address: '192.168.1.5', inside: '10.1.0.0/24' });
    const carol = { name: 'carol', address6: '2001:db8:c::10', behind: 'inner' };
    for (const isolated of [false, true]) {
      await build({
        hosts: [SERVER, ALICE6, BOB6, carol],
        nats: [natA({ isolated }), { ...inner, inside6: '2001:db8:c::/64' }],
      });
      expect(pings(!isolated, 'alice', BOB6.address6)).toBe(!isolated);
      // A router behind a router: out through both, and from the outer network not in unasked.
      expect(pings(true, 'carol', SERVER.address6)).toBe(true);
      expect(pings(!isolated, 'carol', ALICE6.address6)).toBe(!isolated);
      expect(pings(false, 'alice', carol.address6)).toBe(false);
      expect(await lab.prove()).toMatchObject([
        { nat: 'nat-a', ipv6: { translatedTo: null, firewall6: 'stateful' } },
        { nat: 'inner', ipv6: { translatedTo: null, firewall6: 'stateful' } },
      ]);
      if (!isolated) await lab.close();
    }
  });

  test('a NAT64 carries UDP, TCP, echoes and their errors to IPv4', async () => {
    await build(oneNat({ nat64: true, inbound: 'reject' }));
    const [alice, server] = [new Agent(lab, 'alice'), new Agent(lab, 'server', 4)];
    await Promise.all([alice.bind(5000), server.bind(4000)]);
    alice.send('hello', 5000, [`${THROUGH}203.0.113.10`, 4000]);
    const { from } = await server.receive('hello');
    expect(from).toEqual(['198.51.100.1', 5000]);
    server.send('answer', 4000, from);
    expect((await alice.receive('answer')).from).toEqual(['64:ff9b::cb00:710a', 4000]);
    const large = 'x'.repeat(1400);
    server.send(large, 4000, from);
    await alice.receive(large);
    const inPieces = 'y'.repeat(4000);
    alice.send(inPieces, 5000, [`${THROUGH}203.0.113.10`, 4000]);
    await server.receive(inPieces);
    server.send('z'.repeat(4000), 4000, from);
    await alice.receive('z'.repeat(4000));
    await echo('server', 8080);
    expect(tcp('alice', `${THROUGH}203.0.113.10`, 8080, true, 3_000_000)).toBe(true);
    expect(pings(true, 'alice', `${THROUGH}203.0.113.10`, '-s', '1432')).toBe(true);
    // A port where nobody is: the error comes back as one of IPv6.
    const refused = `const s = require('net').connect(9, '${THROUGH}203.0.113.10'); s.on('error', (e) => console.log(e.code))`;
    expect(at('alice', process.execPath, '-e', refused).stdout).toContain('ECONNREFUSED');
    const unreachable = `const s = require('dgram').createSocket('udp6'); s.connect(9, '${THROUGH}203.0.113.10', () => s.send('x'));
      s.on('error', (e) => { console.log(e.code); process.exit(); }); setTimeout(() => process.exit(), ${PATIENCE_MS})`;
    expect(at('alice', process.execPath, '-e', unreachable).stdout).toContain('ECONNREFUSED');
  });

  test('a NAT64 tells IPv4 hosts how long a packet may be', async () => {
    await build(oneNat({ nat64: true, filtering: 'eif' }));
    const [alice, server] = [new Agent(lab, 'alice'), new Agent(lab, 'server', 4)];
    await Promise.all([alice.bind(5000), server.bind(4000)]);
    alice.send('hello', 5000, [`${THROUGH}203.0.113.10`, 4000]);
    const { from } = await server.receive('hello');
    const tooLong = 'a'.repeat(1472); // 1500 bytes, 1520 as IPv6: refused, and in pieces from then on
    server.send(tooLong, 4000, from);
    expect(await alice.receiveAny([tooLong])).toEqual([]);
    expect(at('server', 'ip', 'route', 'get', from[0]).stdout).toContain('mtu 1480');
    server.send('b'.repeat(1472), 4000, from);
    await alice.receive('b'.repeat(1472));
  });

  test.for<Partial<NatSpec>>([
    { mapping: 'eim', filtering: 'eif', ports: 'preserve', hairpin: true },
    { mapping: 'adm', filtering: 'adf', ports: 'random', firewall6: 'open' },
    { mapping: 'apdm', filtering: 'apdf', ports: 'sequential' },
    { mapping: 'apdm', filtering: 'eif', ports: { block: 8 }, hairpin: true },
  ])('every kind of NAT is a kind of NAT64: %j', async (kind) => {
    await build(oneNat({ nat64: true, ...kind }));
    // Of a block, only how far the ports that were seen lie apart is known.
    const { firewall6 = 'stateful', ports: _, ...rest } = kind;
    expect(await lab.prove()).toMatchObject([
      { nat: 'nat-a', from: 'alice', ...rest, ipv6: { translatedTo: null, firewall6 } },
    ]);
  });

  test.for<[what: string, changes: Partial<NatSpec>, rules: string]>([
    ['IPv6 firewall is open, not stateful', {}, 'insert rule ip6 nat_lab forward accept'],
    [
      'IPv6 firewall is stateful, not open',
      { firewall6: 'open' },
      'flush chain ip6 nat_lab forward; add rule ip6 nat_lab forward iifname "lan" accept; add rule ip6 nat_lab forward ct state established accept',
    ],
    [
      'IPv6 is translated, to 2001:db8:a::1 port',
      {},
      'table ip6 other { chain c { type nat hook postrouting priority srcnat; oifname "wan" snat to 2001:db8:a::1; }; }',
    ],
    [
      'mapping is apdm, not eim',
      { nat64: true },
      'table ip other { chain c { type nat hook postrouting priority srcnat - 1; oifname "wan" masquerade random,fully-random; }; }',
    ],
  ])('the proof tells that %s', async ([difference, changes, rules]) => {
    await build(oneNat(changes));
    const [program, ...args] = lab.command('nat-a', ['nft', '-f', '-']);
    expect(spawnSync(program!, args, { input: rules, encoding: 'utf8' })).toMatchObject({
      stderr: '',
      status: 0,
    });
    await expect(lab.prove()).rejects.toMatchObject({
      code: 'nat-not-as-claimed',
      message: expect.stringContaining(`NAT "nat-a": ${difference}`),
    });
  });

  test.for([
    ['udp-blocked', 'alice', [], [53, 443, 8080]],
    ['udp-blocked', 'nat-a', [], [53, 443, 8080]],
    ['tcp-443-only', 'alice', [], [443]],
    ['53-443-only', 'nat-a', [53, 443], [53, 443]],
    ['http-connect-proxy', 'alice', [], []],
    ['http-connect-proxy', 'nat-a', [], []],
  ] as const)('a firewall of kind %s at %s lets out UDP to %j and TCP to %j, natively and through NAT64', async ([
    kind,
    guarded,
    openUdp,
    openTcp,
  ]) => {
    const isProxy = kind === 'http-connect-proxy';
    await build({
      hosts: [SERVER, ALICE6, { name: 'proxy', address: '203.0.113.40', address6: '2001:db8:5::40' }],
      nats: [natA({ nat64: true, filtering: 'eif', firewall6: 'open' })],
      firewalls: [{ at: guarded, kind, ...(isProxy ? { proxy: 'proxy' } : {}) }],
    });
    const ports = [53, 443, 8080];
    await echo('server', ...ports);
    const alice = new Agent(lab, 'alice');
    const servers = [new Agent(lab, 'server', 4), new Agent(lab, 'server', 6)];
    await Promise.all([alice.bind(5000), ...servers.map((server) => server.bind(...ports))]);
    for (const [index, address] of [`${THROUGH}203.0.113.10`, SERVER.address6].entries()) {
      for (const port of ports) alice.send(`${index} ${port}`, 5000, [address, port]);
      const texts = (some: readonly number[]) => some.map((port) => `${index} ${port}`);
      expect(await servers[index]!.receiveAny(texts(ports), texts(openUdp))).toEqual(texts(openUdp));
      const isToOpen = new Set<number>(openTcp);
      expect(ports.filter((port) => tcp('alice', address, port, isToOpen.has(port)))).toEqual(openTcp);
    }
    for (const address of [`${THROUGH}203.0.113.40`, '2001:db8:5::40'])
      if (isProxy) expect(reaches(address, 3128)).toBe(true);
    servers[1]!.send('unasked', 8080, alice.at(5000));
    expect(await alice.receiveAny(['unasked'])).toEqual([]);
    await lab.prove();
  });

  const reaches = (address: string, port: number): boolean =>
    at(
      'alice',
      process.execPath,
      '-e',
      `require('net').connect(${port}, '${address}', () => process.exit(0)).on('error', () => process.exit(1)); setTimeout(() => process.exit(1), ${PATIENCE_MS})`,
    ).status === 0;

  test('what is blocked between two nodes is blocked in both families', async () => {
    await build(oneNat({ firewall6: 'open', nat64: true }));
    const expectBoth = (expected: boolean) => {
      const ways = [SERVER.address6, `${THROUGH}203.0.113.10`];
      expect(ways.map((to) => pings(expected, 'alice', to))).toEqual([expected, expected]);
    };
    expectBoth(true);
    await lab.apply({ do: 'block', from: 'server', to: 'nat-a' });
    expectBoth(false);
    await lab.apply({ do: 'heal' });
    expectBoth(true);
    await lab.apply({ do: 'block', from: 'any', to: 'any', protocol: 'udp' });
    const [alice, server] = [new Agent(lab, 'alice'), new Agent(lab, 'server', 6)];
    await Promise.all([alice.bind(5000), server.bind(4000)]);
    alice.send('hello', 5000, server.at(4000));
    expect(await server.receiveAny(['hello'])).toEqual([]);
  });

  test('a packet with few hops left opens the firewall and dies in the middle', async () => {
    await build(loadScenario('ipv6-firewall'));
    const [alice, bob] = [new Agent(lab, 'alice', 6), new Agent(lab, 'bob', 6)];
    await Promise.all([alice.bind(5000), bob.bind(5000)]);
    alice.send('low', 5000, bob.at(5000), 5);
    expect(await bob.receiveAny(['low'])).toEqual([]);
    bob.send('comes in', 5000, alice.at(5000));
    await alice.receive('comes in');
    alice.send('to nowhere', 5000, ['2001:db8:dead::1', 9]);
    await alice.receiveAny([]);
    expect(alice.errors()).toEqual([]);
  });

  test('a host that roams gets IPv6 there, NAT64 too, or loses it', async () => {
    await build({
      hosts: [SERVER, { name: 'alice', address: '10.9.0.10', behind: 'old' }],
      nats: [
        { name: 'old', address: '198.51.100.9', inside: '10.9.0.0/24', mapping: 'eim', filtering: 'eif' },
        natA({ nat64: true }),
      ],
    });
    const expectWays = (...expected: boolean[]) => {
      const ways = [SERVER.address, SERVER.address6, `${THROUGH}203.0.113.10`];
      expect(ways.map((to, way) => pings(expected[way]!, 'alice', to))).toEqual(expected);
    };
    expectWays(true, false, false);
    await lab.apply({ do: 'roam', host: 'alice', behind: 'nat-a', address6: '2001:db8:a::99' });
    expect(lab.addressOf('alice')).toBe('2001:db8:a::99');
    expectWays(false, true, true);
    await lab.apply({ do: 'renumber', nat: 'nat-a', address: '198.51.100.77' });
    expectWays(false, true, true);
    await lab.apply({ do: 'roam', host: 'alice', address: '198.51.100.50', address6: '2001:db8:7::50' });
    expectWays(true, true, false);
    await lab.apply({ do: 'roam', host: 'alice', behind: 'old', address: '10.9.0.20' });
    expectWays(true, false, false);
    expect(lab.address6Of('alice')).toBeNull();
    await lab.apply({ do: 'roam', host: 'alice', behind: 'nat-a', address6: '2001:db8:a::99' });
    expectWays(false, true, true);
    await expect(
      lab.apply({ do: 'roam', host: 'alice', behind: 'old', address6: '2001:db8:a::99' }),
    ).rejects.toMatchObject({ code: 'bad-event', message: expect.stringContaining('no "inside6"') });
  });

  test('a link carries IPv6, with its delay and its loss', async () => {
    await build({ ...oneNat({ nat64: true }), links: [{ node: 'nat-a', delayMs: 30 }] });
    for (const to of [SERVER.address6, `${THROUGH}203.0.113.10`]) {
      const { stdout } = at('alice', 'ping', '-n', '-c', '3', '-i', '0.01', to);
      expect(Number(/min\/avg\/max\/mdev = ([\d.]+)/.exec(stdout)?.[1])).toBeGreaterThanOrEqual(60);
    }
    await lab.setLink('nat-a', { lossPct: 100 });
    expect(pings(false, 'alice', SERVER.address6)).toBe(false);
  });

  test('nothing of IPv6 is there where the scenario has none', async () => {
    await build({
      hosts: [
        SERVER,
        { name: 'alice', address: '192.168.1.10', behind: 'nat-a' },
        { name: 'four', address: '203.0.113.44' },
      ],
      nats: [natA()],
    });
    for (const node of ['alice', 'four'])
      expect(at(node, 'ip', '-6', 'address').stdout).not.toContain('fe80');
    expect(lab.address6Of('four')).toBeNull();
  });
});

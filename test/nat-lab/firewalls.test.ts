import { spawn, spawnSync } from 'node:child_process';
import { type FirewallSpec, type Lab, startLab } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { Agent } from './agent.ts';
import { describeLab } from './describe-lab.ts';

/** Echoes on TCP: says what it heard. */
const TCP_SERVER = `for (const port of [53, 443, 8080]) require('net').createServer((s) => s.on('error', () => {}).pipe(s)).listen(port, '0.0.0.0', () => console.log(port))`;

const TCP_CLIENT = `const [patienceMs, host, port, tunnel] = process.argv.slice(1);
const s = require('net').connect(port, host, () => s.write(tunnel ? 'CONNECT ' + tunnel + ' HTTP/1.1\\r\\n\\r\\n' : 'hello'));
let said = ''; let asked = false;
s.on('data', (d) => { said += d; if (tunnel && !asked && said.includes(' 200 ')) { asked = true; s.write('hello'); }
  if (said.endsWith('hello')) { console.log('open'); process.exit(); } });
s.on('error', (e) => { console.log(e.code); process.exit(); });
setTimeout(() => { console.log('closed'); process.exit(); }, Number(patienceMs));`;

await describeLab('a firewall of the lab', () => {
  let lab: Lab;
  afterEach(() => lab.close());

  async function build(firewall: Omit<FirewallSpec, 'at'>, nat: boolean): Promise<void> {
    lab = await startLab({
      hosts: [
        { name: 'server', address: '203.0.113.10' },
        { name: 'proxy', address: '203.0.113.40' },
        nat
          ? { name: 'alice', address: '192.168.1.10', behind: 'home' }
          : { name: 'alice', address: '198.51.100.5' },
      ],
      nats: [
        { name: 'home', address: '198.51.100.1', inside: '192.168.1.0/24', mapping: 'eim', filtering: 'eif' },
      ],
      firewalls: [{ at: 'alice', ...firewall }],
    });
  }

  async function startServers(): Promise<void> {
    const [program, ...args] = lab.command('server', [process.execPath, '-e', TCP_SERVER]);
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.split('\n').length === 4) break;
    }
  }

  /** What has to come is waited for: it may be late on a busy machine. */
  function tcp(expected: string, to: string, port: number, tunnel?: string): string {
    const argv = [
      process.execPath,
      '-e',
      TCP_CLIENT,
      expected === 'closed' ? '400' : '20000',
      lab.addressOf(to),
      String(port),
      ...(tunnel ? [tunnel] : []),
    ];
    const [program, ...args] = lab.command('alice', argv);
    return spawnSync(program!, args, { encoding: 'utf8' }).stdout.trim();
  }

  /** Which of the server's UDP ports 53, 443 and 4000 can be reached, and whether answers come back. */
  async function udp(openUdp: readonly number[]): Promise<number[]> {
    const [alice, server] = [new Agent(lab, 'alice'), new Agent(lab, 'server')];
    const ports = [53, 443, 4000];
    await Promise.all([alice.bind(5000), server.bind(...ports)]);
    for (const port of ports) alice.send(`to ${port}`, 5000, server.at(port));
    const arrived = await server.receiveAny(
      ports.map((port) => `to ${port}`),
      openUdp.map((port) => `to ${port}`),
    );
    const open = ports.filter((port) => arrived.includes(`to ${port}`));
    for (const port of open) {
      const { from } = await server.receive(`to ${port}`);
      server.send(`back from ${port}`, port, from);
      await alice.receive(`back from ${port}`);
    }
    return open;
  }

  test.for([
    ['udp-blocked', true, [], ['open', 'open', 'open']],
    ['udp-blocked', false, [], ['open', 'open', 'open']],
    ['tcp-443-only', true, [], ['closed', 'open', 'closed']],
    ['tcp-443-only', false, [], ['closed', 'open', 'closed']],
    ['53-443-only', true, [53, 443], ['open', 'open', 'closed']],
    ['53-443-only', false, [53, 443], ['open', 'open', 'closed']],
  ] as const)('of kind %s (behind a NAT: %s) lets out UDP to %j and TCP to 53, 443, 8080: %j', async ([
    kind,
    nat,
    openUdp,
    openTcp,
  ]) => {
    await build({ kind }, nat);
    await startServers();
    expect(await udp(openUdp)).toEqual(openUdp);
    expect([53, 443, 8080].map((port, i) => tcp(openTcp[i]!, 'server', port))).toEqual(openTcp);
  });

  test.for([
    true,
    false,
  ])('with a proxy lets out what goes through the proxy (behind a NAT: %s)', async (nat) => {
    await build({ kind: 'http-connect-proxy', proxy: 'proxy' }, nat);
    await startServers();
    expect(await udp([])).toEqual([]);
    expect(tcp('closed', 'server', 443)).toBe('closed');
    expect(tcp('open', 'proxy', 3128, `${lab.addressOf('server')}:443`)).toBe('open');
    await lab.apply({ do: 'kill', node: 'proxy' });
    expect(tcp('ECONNREFUSED', 'proxy', 3128, `${lab.addressOf('server')}:443`)).toBe('ECONNREFUSED');
  });

  test('lets nothing in unasked, even from a port that is open outwards', async () => {
    await build({ kind: '53-443-only' }, false);
    const [alice, server] = [new Agent(lab, 'alice'), new Agent(lab, 'server')];
    await Promise.all([alice.bind(5000), server.bind(443)]);
    server.send('unasked', 443, alice.at(5000));
    expect(await alice.receiveAny(['unasked'])).toEqual([]);
    expect(await lab.prove()).toHaveLength(1); // the lab itself is not filtered
  });
});

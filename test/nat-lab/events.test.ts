import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Lab, type LabSpec, type NatSpec, startLab } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { Agent, type Endpoint } from './agent.ts';
import { describeLab } from './describe-lab.ts';

const home = (kind: Partial<NatSpec> = {}): NatSpec => ({
  name: 'home',
  address: '198.51.100.1',
  inside: '192.168.1.0/24',
  mapping: 'eim',
  filtering: 'apdf',
  ...kind,
});

const network = (kind: Partial<NatSpec> = {}): LabSpec => ({
  hosts: [
    { name: 'alice', address: '192.168.1.10', behind: 'home' },
    { name: 'server', address: '203.0.113.10' },
    { name: 'other', address: '203.0.113.20' },
  ],
  nats: [
    home(kind),
    { ...home(), name: 'mobile', address: '198.51.100.2', inside: '100.64.0.0/24', ports: 'random' },
  ],
});

await describeLab('a lab that stands', () => {
  let lab: Lab;
  afterEach(() => lab.close());

  let sent = 0;
  /** The outside endpoint of alice's port, as the server sees it, once an answer has come back. */
  async function outside(alice: Agent, server: Agent, port = 5000): Promise<Endpoint> {
    const text = `out ${++sent}`;
    alice.send(text, port, server.at(4000));
    const { from } = await server.receive(text);
    server.send(`back ${sent}`, 4000, from);
    await alice.receive(`back ${sent}`);
    return from;
  }

  async function start(spec: LabSpec): Promise<[alice: Agent, server: Agent]> {
    lab = await startLab(spec);
    const [alice, server] = [new Agent(lab, 'alice'), new Agent(lab, 'server')] as const;
    await Promise.all([alice.bind(5000, 5001), server.bind(4000)]);
    return [alice, server];
  }

  test.for([
    'preserve',
    'random',
    'sequential',
    { block: 64 },
  ] as const)('rebind gives every flow a new port (%j), and the old one leads nowhere', async (ports) => {
    const [alice, server] = await start(network({ ports }));
    const before = await outside(alice, server);
    await lab.apply({ do: 'rebind', nat: 'home' });
    const after = await outside(alice, server);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    server.send('to the old one', 4000, before);
    expect(await alice.receiveAny(['to the old one'])).toEqual([]);
    // What it gives now it keeps, until the next time.
    expect(await outside(alice, server)).toEqual(after);
    await lab.apply({ do: 'rebind', nat: 'home' });
    const third = await outside(alice, server);
    expect([before[1], after[1]]).not.toContain(third[1]);
  });

  test('rebind ends TCP connections in silence', async () => {
    lab = await startLab(network());
    const run = (node: string, script: string) => {
      const [program, ...args] = lab.command(node, [process.execPath, '-e', script]);
      return spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    };
    const server = run(
      'server',
      `require('net').createServer((s) => s.pipe(s)).listen(80, () => console.log('up'))`,
    );
    await once(server.stdout, 'data');
    const client = run(
      'alice',
      `const s = require('net').connect(80, '203.0.113.10', () => s.write('first'));
       s.on('data', (d) => console.log(String(d))); s.on('error', (e) => console.log(e.code));
       process.stdin.on('data', (d) => s.write(d));`,
    );
    let said = '';
    client.stdout.on('data', (data) => {
      said += String(data);
    });
    await once(client.stdout, 'data');
    await lab.apply({ do: 'rebind', nat: 'home' });
    client.stdin.write('second');
    const [alice] = [new Agent(lab, 'alice')];
    await alice.receiveAny([]);
    expect(said).toBe('first\n');
  });

  test('renumber gives the NAT another address, and others find it there', async () => {
    const [alice, server] = await start({
      ...network({ filtering: 'eif' }),
      drop: [{ from: 'other', to: 'home' }],
    });
    const before = await outside(alice, server);
    await lab.apply({ do: 'renumber', nat: 'home', address: '198.51.100.77' });
    expect(lab.addressOf('home')).toBe('198.51.100.77');
    const after = await outside(alice, server);
    expect(after[0]).toBe('198.51.100.77');
    server.send('to the old one', 4000, before);
    expect(await alice.receiveAny(['to the old one'])).toEqual([]);
    // Rules that name the NAT go with it.
    const other = new Agent(lab, 'other');
    await other.bind(4000);
    other.send('still dropped', 4000, after);
    expect(await alice.receiveAny(['still dropped'])).toEqual([]);
  });

  test('renumber works behind a carrier, too', async () => {
    const spec = network();
    const [alice, server] = await start({
      ...spec,
      nats: [
        home({ address: '100.64.0.10', behind: 'carrier' }),
        { ...home(), name: 'carrier', inside: '100.64.0.0/24' },
      ],
    });
    await outside(alice, server);
    await lab.apply({ do: 'renumber', nat: 'home', address: '100.64.0.99' });
    await outside(alice, server);
  });

  test('roam takes a host to another NAT, to the public segment, and back', async () => {
    const [alice, server] = await start(network());
    const seenAs = async () => (await outside(alice, server))[0];
    expect(await seenAs()).toBe('198.51.100.1');
    await lab.apply({ do: 'roam', host: 'alice', behind: 'mobile', address: '100.64.0.20' });
    expect(lab.addressOf('alice')).toBe('100.64.0.20');
    expect(await seenAs()).toBe('198.51.100.2');
    await lab.apply({ do: 'roam', host: 'alice', address: '198.51.100.50' });
    expect(await seenAs()).toBe('198.51.100.50');
    await lab.apply({ do: 'roam', host: 'alice', behind: 'home', address: '192.168.1.33' });
    expect(await seenAs()).toBe('198.51.100.1');
  });

  test('block makes packets vanish until unblock or heal', async () => {
    const [alice, server] = await start(network());
    const block = { from: 'home', to: 'server', protocol: 'udp', port: 4000 } as const;
    const passes = async (isExpected: boolean) => {
      const text = `try ${++sent}`;
      alice.send(text, 5000, server.at(4000));
      return (await server.receiveAny([text], isExpected ? [text] : [])).length === 1;
    };
    await lab.apply({ do: 'block', ...block });
    expect(await passes(false)).toBe(false);
    await lab.apply({ do: 'unblock', ...block });
    expect(await passes(true)).toBe(true);
    await lab.apply({ do: 'block', from: 'any', to: 'any' });
    expect(await passes(false)).toBe(false);
    await lab.apply({ do: 'heal' });
    expect(await passes(true)).toBe(true);
  });

  test('kill ends every program of a host, their children too, and only those', async () => {
    lab = await startLab(network());
    const start = (node: string) => {
      const [program, ...args] = lab.command(node, [
        '/bin/sh',
        '-c',
        'sleep 1000 & setsid sleep 1000 & echo up; wait',
      ]);
      return spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    };
    const [victim, bystander] = [start('alice'), start('server')];
    await Promise.all([once(victim.stdout, 'data'), once(bystander.stdout, 'data')]);
    const capture = await lab.capture('alice', '/dev/null');
    const ended = once(victim, 'exit');
    // The end of its output is the end of the last process that could write there.
    const silent = once(victim.stdout, 'end');
    await lab.apply({ do: 'kill', node: 'alice' });
    expect(await ended).toEqual([null, 'SIGKILL']);
    await silent;
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    await capture.stop();
  });

  test('degrade gives a link another behaviour, heal takes it back', async () => {
    const [alice, server] = await start({ ...network(), links: [{ node: 'alice' }] });
    await outside(alice, server);
    await lab.apply({ do: 'degrade', node: 'alice', link: { lossPct: 100 } });
    alice.send('lost', 5000, server.at(4000));
    expect(await server.receiveAny(['lost'])).toEqual([]);
    await lab.apply({ do: 'heal' });
    await outside(alice, server);
    await expect(lab.apply({ do: 'degrade', node: 'server', link: { lossPct: 100 } })).rejects.toMatchObject({
      code: 'bad-event',
    });
    await expect(
      lab.apply({ do: 'roam', host: 'alice', behind: 'mobile', address: '100.64.0.9' }),
    ).rejects.toMatchObject({ code: 'bad-event', message: expect.stringContaining('link') });
  });

  test('refuses events that make no sense, and stays as it is', async () => {
    const [alice, server] = await start(network());
    const before = lab.spec;
    await expect(lab.apply({ do: 'rebind', nat: 'nowhere' })).rejects.toMatchObject({ code: 'unknown-node' });
    await expect(lab.apply({ do: 'degrade', node: 'alice', link: {} })).rejects.toMatchObject({
      code: 'bad-event',
    });
    await expect(
      lab.apply({ do: 'roam', host: 'alice', behind: 'mobile', address: '10.0.0.1' }),
    ).rejects.toMatchObject({ code: 'bad-event', message: expect.stringContaining('100.64.0.0/24') });
    expect(lab.spec).toBe(before);
    await outside(alice, server);
  });
});

import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { type Lab, type NatSpec, startLab } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { Agent, type Endpoint } from './agent.ts';
import { describeLab } from './describe-lab.ts';

/** Of mappings: short, but long enough for a busy machine to come back to them. */
const LIFETIME_S = 2;

type Kind = Omit<NatSpec, 'name' | 'address' | 'inside'>;

await describeLab('a NAT of the lab', () => {
  let lab: Lab;
  let inside: Agent;
  let server: Agent;
  let stranger: Agent;
  afterEach(() => lab.close());

  async function build(kind: Kind): Promise<void> {
    lab = await startLab({
      hosts: [
        { name: 'inside', address: '192.168.1.10', behind: 'nat' },
        { name: 'server', address: '203.0.113.10' },
        { name: 'stranger', address: '203.0.113.20' },
      ],
      nats: [{ name: 'nat', address: '198.51.100.1', inside: '192.168.1.0/24', ...kind }],
    });
    [inside, server, stranger] = ['inside', 'server', 'stranger'].map((node) => new Agent(lab, node)) as [
      Agent,
      Agent,
      Agent,
    ];
    await Promise.all([inside.bind(5000, 5001), server.bind(4000), stranger.bind(4000)]);
  }

  let sent = 0;
  /** The outside endpoint of a flow, as its destination sees it. */
  async function outside(from: Agent, port: number, to = server, toPort = 4000): Promise<Endpoint> {
    const text = `out ${++sent}`;
    from.send(text, port, to.at(toPort));
    return (await to.receive(text)).from;
  }

  /** Uses a mapping for longer than an idle one lives, and expects it to stay; after a pause in which the machine had no time for that, anew. */
  async function keepUsed(use: () => Promise<Endpoint>): Promise<Endpoint> {
    let used = await use();
    let [beganMs, lastMs] = [performance.now(), performance.now()];
    while (performance.now() < beganMs + LIFETIME_S * 1500) {
      await delay(200);
      const seen = await use();
      const nowMs = performance.now();
      if (nowMs - lastMs > LIFETIME_S * 700) [used, beganMs] = [seen, nowMs];
      lastMs = nowMs;
      expect(seen).toEqual(used);
    }
    return used;
  }

  test('forgets a mapping that was idle for its lifetime, and not one that was used', async () => {
    await build({ mapping: 'eim', filtering: 'eif', ports: 'random', lifetimeS: LIFETIME_S });
    const idle = await outside(inside, 5000);
    const used = await keepUsed(() => outside(inside, 5001));
    stranger.send('too late', 4000, idle);
    stranger.send('in time', 4000, used);
    await inside.receive('in time');
    expect(await inside.receiveAny(['too late'])).toEqual([]);
    expect(await outside(inside, 5000)).not.toEqual(idle);
  });

  test('keeps a mapping through which a host only answers', async () => {
    await build({ mapping: 'eim', filtering: 'eif', ports: 'random', lifetimeS: LIFETIME_S });
    const first = await outside(inside, 5000);
    const used = await keepUsed(async () => {
      const text = `ask ${++sent}`;
      stranger.send(text, 4000, first);
      await inside.receive(text);
      inside.send(`${text} answered`, 5000, stranger.at(4000));
      return (await stranger.receive(`${text} answered`)).from;
    });
    expect(await outside(inside, 5000)).toEqual(used);
  });

  test.for([
    'eim',
    'apdm',
  ] as const)('with a fixed age gives a used mapping (%s) another port', async (mapping) => {
    await build({ mapping, filtering: 'apdf', ports: 'random', maxAgeS: 1 });
    const beforeMs = performance.now();
    const first = await outside(inside, 5000);
    const madeMs = performance.now();
    let now = first;
    for (let askedMs = madeMs; now[1] === first[1]; ) {
      // What was asked for this late is not old any more, however much later the answer came.
      expect(askedMs - madeMs).toBeLessThan(3000);
      await delay(50);
      askedMs = performance.now();
      now = await outside(inside, 5000);
    }
    expect(performance.now() - beforeMs).toBeGreaterThan(900);
    server.send('to the new one', 4000, now);
    server.send('to the old one', 4000, first);
    await inside.receive('to the new one');
    expect(await inside.receiveAny(['to the old one'])).toEqual([]);
  });

  test.for([
    ['drop', false],
    ['reject', false],
    ['drop', true],
    ['reject', true],
  ] as const)('answers nobody if it drops, and with an error if it rejects (%s, poisonable %s)', async ([
    inbound,
    poisonable,
  ]) => {
    await build({ mapping: 'eim', filtering: 'apdf', inbound, poisonable });
    // A connected socket hears ICMP errors as ECONNREFUSED; two sends, because the error comes with the second.
    const [program, ...args] = lab.command('server', [
      process.execPath,
      '-e',
      `const s = require('dgram').createSocket('udp4');
       s.on('error', (e) => { console.log(e.code); process.exit(); });
       s.connect(7777, '198.51.100.1', () => { s.send('x'); setTimeout(() => { console.log('silence'); process.exit(); }, ${inbound === 'reject' ? 20_000 : 300}); });`,
    ]);
    const { stdout } = spawnSync(program!, args, { encoding: 'utf8' });
    expect(stdout.trim()).toBe(inbound === 'reject' ? 'ECONNREFUSED' : 'silence');
  });
});

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
  let neighbour: Agent;
  let server: Agent;
  let stranger: Agent;
  afterEach(() => lab.close());

  async function build(kind: Kind): Promise<void> {
    lab = await startLab({
      hosts: [
        { name: 'inside', address: '192.168.1.10', behind: 'nat' },
        { name: 'neighbour', address: '192.168.1.11', behind: 'nat' },
        { name: 'server', address: '203.0.113.10' },
        { name: 'stranger', address: '203.0.113.20' },
      ],
      nats: [{ name: 'nat', address: '198.51.100.1', inside: '192.168.1.0/24', ...kind }],
    });
    [inside, neighbour, server, stranger] = ['inside', 'neighbour', 'server', 'stranger'].map(
      (node) => new Agent(lab, node),
    ) as [Agent, Agent, Agent, Agent];
    await Promise.all([
      inside.bind(5000, 5001, 5002, 5003),
      neighbour.bind(5000, 5001, 5002, 5003),
      server.bind(4000, 4001),
      stranger.bind(4000),
    ]);
  }

  let sent = 0;
  /** The outside endpoint of a flow, as its destination sees it. */
  async function outside(from: Agent, port: number, to = server, toPort = 4000): Promise<Endpoint> {
    const text = `out ${++sent}`;
    from.send(text, port, to.at(toPort));
    return (await to.receive(text)).from;
  }
  const portsOf = async (agent: Agent, ports: number[]) => {
    const seen: number[] = [];
    for (const port of ports) seen.push((await outside(agent, port))[1]);
    return seen;
  };

  test.for([1, 3])('with sequential ports counts on by %i with each new mapping', async (step) => {
    await build({
      mapping: 'eim',
      filtering: 'apdf',
      ports: step === 1 ? 'sequential' : { sequential: step },
    });
    const [first] = await portsOf(inside, [5000]);
    expect(await portsOf(neighbour, [5000, 5001])).toEqual([first! + step, first! + 2 * step]);
    // The same mapping again, and then the next.
    expect(await portsOf(inside, [5000, 5001])).toEqual([first, first! + 3 * step]);
    expect((await outside(inside, 5000, stranger))[1]).toBe(first);
  });

  test('with blocks gives each inside host ports of its own block, each once, until they are used up', async () => {
    await build({ mapping: 'apdm', filtering: 'apdf', ports: { block: 8 } });
    const ports: number[] = [];
    for (const port of [5000, 5001, 5002, 5003])
      ports.push(
        (await outside(inside, port, server, 4000))[1],
        (await outside(inside, port, server, 4001))[1],
      );
    expect(new Set(ports).size).toBe(8);
    expect(Math.max(...ports) - Math.min(...ports)).toBe(7);
    inside.send('one too many', 5000, stranger.at(4000));
    expect(await stranger.receiveAny(['one too many'])).toEqual([]);
    const [other] = await portsOf(neighbour, [5000]);
    expect(other! < Math.min(...ports) || other! > Math.max(...ports)).toBe(true);
  });

  test('without hairpin lets nobody reach a neighbour through its outside address', async () => {
    await build({ mapping: 'eim', filtering: 'eif' });
    const to = await outside(neighbour, 5001);
    inside.send('hairpin', 5000, to);
    expect(await neighbour.receiveAny(['hairpin'])).toEqual([]);
  });

  test('with hairpin shows the neighbour the outside endpoint, and answers pass', async () => {
    await build({ mapping: 'eim', filtering: 'eif', hairpin: true, ports: 'random' });
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
    await build({ mapping: 'eim', filtering, hairpin: true });
    const [from, to] = [await outside(inside, 5000), await outside(neighbour, 5001)];
    inside.send('too early', 5000, to);
    expect(await neighbour.receiveAny(['too early'])).toEqual([]);
    neighbour.send('opens', 5001, from);
    await inside.receive('opens'); // it was contacted by the one that came too early
    inside.send('now', 5000, to);
    await neighbour.receive('now');
  });

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

  test.for([
    'eif',
    'adf',
    'apdf',
  ] as const)('if poisonable (%s) is pushed to another port by an early probe', async (filtering) => {
    await build({ mapping: 'eim', filtering, poisonable: true });
    stranger.send('early', 4000, [lab.addressOf('nat'), 5000]);
    expect(await inside.receiveAny(['early'])).toEqual([]);
    expect((await outside(inside, 5000))[1]).toBe(5000);
    const poisoned = await outside(inside, 5000, stranger);
    expect(poisoned[1]).not.toBe(5000);
    // Undisturbed it keeps its port towards everyone.
    expect((await outside(inside, 5001))[1]).toBe(5001);
    expect((await outside(inside, 5001, stranger))[1]).toBe(5001);
  });
});

/**
 * How long it takes to guess a port, beside what chance alone says: calls between path agents over two simulated NATs, of
 * which one gives ports by chance and the other one is a port-restricted cone. Run with
 * `node bench/traversal/guesses.ts [--pairs 10000] [--seed 1] [--delay 10]`; put what it prints into SIMULATION.md beside it.
 */
import { parseArgs } from 'node:util';
import { bestPath, buildNetwork, networkOf, type Scenario, World } from '@overcall/sim';
import { SimulatedCall } from '@overcall/sim/calls';
import { percentile } from '../percentile.ts';
import { type BirthdaySpray, evenly, hitAtMs } from './birthday.ts';

const USAGE = 'usage: node bench/traversal/guesses.ts [--pairs N] [--seed N] [--delay MS]\n';
const LIMIT_MS = 8000;
/** docs/paths.md. */
const PORTS = 65_536 - 1024;
const SOCKETS = 256;
const PROBES = 2048;

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    delay: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const [pairs, firstSeed, delayMs] = (['pairs', 'seed', 'delay'] as const).map((name) => {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  process.stderr.write(`--${name}: "${values[name]}" is not a whole number above 0\n${USAGE}`);
  return process.exit(2);
}) as [number, number, number];

const SCENARIO: Scenario = {
  hosts: [
    { name: 'alice', address: '192.168.1.10', behind: 'nat-a' },
    { name: 'bob', address: '192.168.2.10', behind: 'nat-b' },
    { name: 'supernode', address: '203.0.113.20' },
    { name: 'supernode-b', address: '203.0.113.30' },
  ],
  nats: [
    {
      ...{ name: 'nat-a', address: '198.51.100.1', inside: '192.168.1.0/24' },
      ...{ mapping: 'apdm', filtering: 'apdf', ports: 'random' },
    },
    {
      ...{ name: 'nat-b', address: '198.51.100.2', inside: '192.168.2.0/24' },
      ...{ mapping: 'eim', filtering: 'apdf' },
    },
  ],
  links: ['alice', 'bob'].map((node) => ({ node, delayMs })),
};

/** When what happened, ms. */
interface Guessing {
  bothKnowMs: number;
  firstProbeMs: number;
  hitMs: number;
  bothDirectMs: number;
}

/** One call; alice opens ports and bob probes for them. Null when they did not meet. */
function guess(seed: number): Guessing | null {
  const world = new World({ seed });
  const run = {
    ...{ seed, scenario: SCENARIO, world, network: buildNetwork(world, SCENARIO) },
    expected: bestPath(networkOf(SCENARIO, 'alice'), networkOf(SCENARIO, 'bob')),
  };
  const call = new SimulatedCall(run, { audio: false });
  const [opener, prober] = [call.phones.alice.agent, call.phones.bob.agent];
  const named = new Set<string>(call.relays.map(({ address }) => address));
  const knewAtMs: number[] = [];
  let [firstProbeMs, hitMs] = [Number.NaN, Number.NaN];
  for (const agent of [opener, prober]) {
    const handleTold = agent.handleTold.bind(agent);
    let hasHeard = false;
    agent.handleTold = (message, nowMs) => {
      if (!hasHeard) knewAtMs.push(nowMs);
      hasHeard = true;
      for (const { address } of message.candidates) named.add(address);
      handleTold(message, nowMs);
    };
  }
  const poll = prober.poll.bind(prober);
  prober.poll = () => {
    const outputs = poll();
    const probes = outputs.some((output) => output.type === 'send' && !named.has(output.to));
    if (probes && Number.isNaN(firstProbeMs)) firstProbeMs = world.now;
    return outputs;
  };
  const handleCheck = opener.handleCheck.bind(opener);
  opener.handleCheck = (socket, from, ...rest) => {
    if (Number.isNaN(hitMs) && call.relays.every(({ address }) => address !== from)) hitMs = world.now;
    return handleCheck(socket, from, ...rest);
  };
  if (!world.runUntil(() => call.areOn('direct'), LIMIT_MS)) return null;
  return { bothKnowMs: Math.max(...knewAtMs), firstProbeMs, hitMs, bothDirectMs: world.now };
}

const found: Guessing[] = [];
for (let seed = firstSeed; seed < firstSeed + pairs; seed++) {
  const one = guess(seed);
  if (one !== null) found.push(one);
}

const SHARES = [0.5, 0.95, 0.995, 0.999];
const never = pairs - found.length;
const row = (what: string, at: (share: number) => number): string =>
  `| ${what} | ${SHARES.map((share) => (Number.isFinite(at(share)) ? `${Math.round(at(share))} ms` : 'never')).join(' | ')} |\n`;
/** Who never met, or by another way than a guess, counts as the longest. */
const measured = (what: string, of: (one: Guessing) => number): string => {
  const times = [...found.map(of), ...Array<number>(never).fill(Number.NaN)].map((ms) =>
    Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms,
  );
  return row(what, (share) => percentile(times, share));
};
const chance = (what: string, spray: BirthdaySpray): string => row(what, (share) => hitAtMs(spray, share));

const probeAtMs = evenly(PROBES, 5);
process.stdout.write(
  `${new Date().toISOString().slice(0, 10)}, ${pairs} pairs from seed ${firstSeed}, ${never} of them never direct, links of ${delayMs} ms each way\n\n` +
    `| | ${SHARES.map((share) => `${100 * share} %`).join(' | ')} |\n|---|${'---|'.repeat(SHARES.length)}\n` +
    chance('chance: first probe to hit, all ports open at once', {
      ...{ ports: PORTS, probeAtMs, openAtMs: Array<number>(SOCKETS).fill(0) },
    }) +
    chance('chance: ports opened as they are, 20 each 10 ms', {
      ...{ ports: PORTS, probeAtMs, openAtMs: evenly(SOCKETS, 20) },
    }) +
    chance('chance: ports opened 5 each 10 ms', {
      ...{ ports: PORTS, probeAtMs, openAtMs: evenly(SOCKETS, 5) },
    }) +
    measured('both know each other to first probe', (one) => one.firstProbeMs - one.bothKnowMs) +
    measured('first probe to hit', (one) => one.hitMs - one.firstProbeMs) +
    measured('hit to both direct', (one) => one.bothDirectMs - one.hitMs) +
    measured('both know each other to both direct', (one) => one.bothDirectMs - one.bothKnowMs),
);

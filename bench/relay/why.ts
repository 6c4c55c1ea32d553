/**
 * What the slowest packets wait for in a relay by batch, beside coturn: `node bench/relay/why.ts [--rate N] [--rounds N]`.
 * `--beside FOLDER` measures the relay of another checkout in the same run, by turns; with `--ordinary` the relays compete with whatever else
 * the machine does. Not a part of the comparison: the log costs 0.5 us a packet.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, percentile } from '../percentile.ts';
import { usedSeconds } from '../used-seconds.ts';
import { Coturn } from './coturn.ts';
import { Generator } from './generator.ts';
import { type Ground, onGround } from './ground.ts';
import type { SendRing } from './packet-port.ts';
import { preferThread } from './real-time.ts';
import type { RelayUnderTest } from './relay-under-test.ts';
import { SupernodeRelay } from './supernode.ts';
import { type Cause, machineOffsetMs, STATES } from './wave-log.ts';

const CALLS = 100;
const WARM_UP = { perSecond: 30_000, seconds: 1, times: 4 };
const MEASURE_S = 0.8;
const REST_MS = 400;
const LIMIT_MS = 300_000;

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '57000' },
    rounds: { type: 'string', default: '10' },
    slow: { type: 'string', default: '0.3' },
    beside: { type: 'string', multiple: true, default: [] },
    quiet: { type: 'boolean', default: false },
    ordinary: { type: 'boolean', default: false },
  },
});

interface Candidate {
  label: string;
  relay: RelayUnderTest;
  ring: SendRing;
  p50Ms: number[];
  p99Ms: number[];
  usPerPacket: number[];
  causes: Cause[];
  lines: string[];
}

/** Time that a process was ready to run and another one ran, ms; how often it was interrupted. */
function waits(pid: number): { readyMs: number; interrupted: number } {
  const readyMs = Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { readyMs, interrupted: Number(/nonvoluntary_ctxt_switches:\s+(\d+)/.exec(status)![1]) };
}

/** Time that the machine below took from the relay's processor, ms. */
const stolenMs = (): number =>
  10 * Number(/^cpu1 (.*)/m.exec(readFileSync('/proc/stat', 'utf8'))![1]!.split(' ')[7]);

async function measure(generator: Generator, each: Candidate): Promise<void> {
  const { relay, ring } = each;
  const pid = relay.pid!;
  const before = { used: usedSeconds(pid), stolen: stolenMs(), ...waits(pid) };
  const result = generator.run(ring, Number(values.rate), MEASURE_S, Number(values.slow));
  const { readyMs, interrupted } = waits(pid);
  each.usPerPacket.push((1e6 * (usedSeconds(pid) - before.used)) / result.received);
  each.p50Ms.push(percentile(result.delaysMs, 0.5));
  each.p99Ms.push(percentile(result.delaysMs, 0.99));
  const offsetMs = machineOffsetMs();
  const slow = result.slow.map(([sent, arrived]) => [sent + offsetMs, arrived + offsetMs] as const);
  const causes = relay instanceof SupernodeRelay ? await relay.causesOf(slow) : [];
  each.causes.push(...causes);
  each.lines.push(
    `${each.label}: p50 ${each.p50Ms.at(-1)!.toFixed(3)} p99 ${each.p99Ms.at(-1)!.toFixed(3)} max ${percentile(result.delaysMs, 1).toFixed(2)} slow ${slow.length} ` +
      `late p99 ${percentile(result.latesMs, 0.99).toFixed(3)}; ready ${(readyMs - before.readyMs).toFixed(1)} ms, interrupted ${interrupted - before.interrupted}, stolen ${stolenMs() - before.stolen} ms; ${summary(causes)}`,
  );
  if (!values.quiet) process.stdout.write(`${each.lines.at(-1)}\n`);
}

/** How many packets each cause made slow, how often it occurred, and for how long at most. */
function summary(causes: readonly Cause[]): string {
  const kinds = [...STATES, 'collection'].map((kind) => {
    const of = causes.filter(({ state, isCollection }) => (isCollection ? 'collection' : state) === kind);
    const times = new Set(of.map(({ lastedMs }) => lastedMs));
    const longest = Math.max(0, ...times);
    return of.length === 0 ? '' : `${kind} ${of.length} packets/${times.size} times/${longest.toFixed(2)} ms`;
  });
  return kinds.filter((kind) => kind !== '').join(', ');
}

async function run(ground: Ground): Promise<void> {
  const generator = new Generator(ground.interfaceIndex, ground.mac);
  const starts: [string, () => Promise<RelayUnderTest>][] = [
    ['coturn', () => Coturn.start(ground)],
    ['batch', () => SupernodeRelay.start(ground, 'batch', { isLogged: true })],
    ...values.beside.map((at, i): [string, () => Promise<RelayUnderTest>] => [
      at,
      () => SupernodeRelay.start(ground, 'batch', { isLogged: true, at, port: 5001 + i }),
    ]),
  ];
  const candidates: Candidate[] = [];
  for (const [label, start] of starts) {
    const relay = await start();
    await delay(300);
    const directions = await relay.open(CALLS, generator.exchange);
    await generator.check(directions);
    const ring = generator.ringOf(directions);
    candidates.push({ label, relay, ring, p50Ms: [], p99Ms: [], usPerPacket: [], causes: [], lines: [] });
    for (let n = 0; n < WARM_UP.times; n++) {
      generator.run(ring, WARM_UP.perSecond, WARM_UP.seconds);
      await delay(100);
    }
  }
  if (!values.ordinary) for (const { relay } of candidates) preferThread(relay.pid!);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const each of candidates) {
      await measure(generator, each);
      await delay(REST_MS);
    }
  }
  for (const { label, p50Ms, p99Ms, usPerPacket, causes, relay } of candidates) {
    const best = (list: number[]) => Math.min(...list).toFixed(3);
    process.stdout.write(
      `${label}: p50 ${median(p50Ms).toFixed(3)} (best ${best(p50Ms)}) p99 ${median(p99Ms).toFixed(3)} (best ${best(p99Ms)}) ms, ${median(usPerPacket).toFixed(2)} us a packet; ${summary(causes)}\n`,
    );
    await relay.stop();
  }
}

await onGround(fileURLToPath(import.meta.url), LIMIT_MS, run);

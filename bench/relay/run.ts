/**
 * How much a supernode relays, beside coturn: `npm run bench -- relay [--rounds N] [--windows N]`: one minute, half a minute for each round and 12 s for each
 * window of delays. Needs Linux, two processors, `turnserver` (Debian: coturn), and root or user namespaces. Put what it prints into RESULTS.md.
 */
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, percentile } from '../percentile.ts';
import { usedSeconds } from '../used-seconds.ts';
import { Coturn, TURNSERVER } from './coturn.ts';
import { Generator, type WindowResult } from './generator.ts';
import { type Ground, onGround } from './ground.ts';
import { NaiveRelay } from './naive.ts';
import type { SendRing } from './packet-port.ts';
import { preferThread } from './real-time.ts';
import type { RelayUnderTest } from './relay-under-test.ts';
import { softirqSeconds } from './softirq-seconds.ts';
import { SupernodeRelay } from './supernode.ts';
import { Wire } from './wire.ts';

const CALLS = 100;
/** Calls whose memory is measured, and those before, in which what is made once is made. */
const MEASURED_CALLS = 2000;
const FIRST_CALLS = 500;
/** Everything is compiled by then. */
const WARM_UP = { perSecond: 30_000, seconds: 1, times: 4 };
/** A rate is carried when less than one packet in a thousand is lost in this time. */
const SEARCH = { low: 10_000, high: 320_000, steps: 6, seconds: 0.5, lost: 0.001 };
const MEASURE_S = 0.8;
/** Between two windows, ms: Linux takes the processor away from who keeps it with real-time priority for 0.95 s of a second. */
const REST_MS = 400;
/** Ends by itself, whatever happens. */
const LIMIT_MS = 1_200_000;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, windows: { type: 'string', default: '20' } },
});
const ROUNDS = Number(values.rounds);
/** Of delays: their p99 differs tenfold from window to window, coturn's too, so that the median of five says nothing. */
const WINDOWS = Number(values.windows);

interface Candidate {
  relay: RelayUnderTest;
  ring: SendRing;
  maxRates: number[];
  full: Sample[];
  atHalf: Sample[];
  atSeventy: Sample[];
  bytesPerCall: number;
}

interface Sample {
  usPerPacket: number;
  softirqUs: number;
  p50Ms: number;
  p99Ms: number;
  lostPct: number;
  lateMs: number;
}

function sample(generator: Generator, { relay, ring }: Candidate, perSecond: number): Sample {
  const used = () => (relay.pid === null ? 0 : usedSeconds(relay.pid));
  const before = [used(), softirqSeconds()] as const;
  const result = generator.run(ring, perSecond, MEASURE_S);
  const perPacket = (seconds: number) => (1e6 * seconds) / Math.max(1, result.received);
  return {
    usPerPacket: perPacket(used() - before[0]),
    softirqUs: perPacket(softirqSeconds() - before[1]),
    p50Ms: percentile(result.delaysMs, 0.5),
    p99Ms: percentile(result.delaysMs, 0.99),
    lostPct: (100 * (result.sent - result.received)) / result.sent,
    lateMs: percentile(result.latesMs, 0.99),
  };
}

const isCarried = ({ sent, received, unread }: WindowResult): boolean =>
  sent - received - unread <= SEARCH.lost * sent;

/** The highest rate that is carried, found by halving on a logarithmic scale. */
async function maxRate(generator: Generator, { ring }: Candidate): Promise<number> {
  let [low, high] = [SEARCH.low, SEARCH.high];
  for (let step = 0; step < SEARCH.steps; step++) {
    const middle = Math.sqrt(low * high);
    // A second try: somebody else may have had the processor.
    let carried = false;
    for (let attempt = 0; attempt < 2 && !carried; attempt++) {
      carried = isCarried(generator.run(ring, middle, SEARCH.seconds));
      await delay(REST_MS);
    }
    if (carried) low = middle;
    else high = middle;
  }
  return low;
}

/** Memory of a relay, from a process of its own that does nothing else. */
async function bytesPerCall(start: () => Promise<RelayUnderTest>, generator: Generator): Promise<number> {
  const relay = await start();
  await delay(300);
  try {
    await relay.open(FIRST_CALLS, generator.exchange);
    const before = await relay.rssBytes();
    await relay.open(MEASURED_CALLS, generator.exchange);
    return ((await relay.rssBytes()) - before) / MEASURED_CALLS;
  } finally {
    await relay.stop();
  }
}

async function measure(ground: Ground): Promise<Candidate[]> {
  const generator = new Generator(ground.interfaceIndex, ground.mac);
  const starts = [
    () => Coturn.start(ground),
    () => SupernodeRelay.start(ground, 'plain'),
    () => SupernodeRelay.start(ground, 'batch'),
    () => NaiveRelay.start(ground),
    () => Wire.start(ground),
  ];
  const memory: number[] = [];
  for (const start of starts) memory.push(await bytesPerCall(start, generator));
  progress('memory');
  const candidates: Candidate[] = [];
  for (const [i, start] of starts.entries()) {
    const relay = await start();
    await delay(300);
    const directions = await relay.open(CALLS, generator.exchange);
    await generator.check(directions);
    const ring = generator.ringOf(directions);
    const none = { maxRates: [], full: [], atHalf: [], atSeventy: [] };
    candidates.push({ relay, ring, bytesPerCall: memory[i]!, ...none });
    for (let n = 0; n < WARM_UP.times; n++) {
      generator.run(ring, WARM_UP.perSecond, WARM_UP.seconds);
      await delay(100);
    }
    if (relay.pid !== null && process.env.RELAY_BENCH === 'real-time') preferThread(relay.pid);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of candidates) each.maxRates.push(await maxRate(generator, each));
    progress(`full load, round ${round + 1}`);
  }
  const coturnsFull = median(candidates[0]!.maxRates);
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of candidates) {
      each.full.push(sample(generator, each, median(each.maxRates)));
      await delay(REST_MS);
    }
  }
  for (let window = 0; window < WINDOWS; window++) {
    for (const each of candidates) {
      each.atHalf.push(sample(generator, each, 0.5 * coturnsFull));
      await delay(REST_MS);
      each.atSeventy.push(sample(generator, each, 0.7 * coturnsFull));
      await delay(REST_MS);
    }
    progress(`delays, window ${window + 1} of ${WINDOWS}`);
  }
  await Promise.all(candidates.map(({ relay }) => relay.stop()));
  return candidates;
}

function progress(what: string): void {
  process.stderr.write(`${what}\n`);
}

function report(candidates: readonly Candidate[], loads: readonly number[]): string {
  const of = (samples: Sample[], key: keyof Sample) => median(samples.map((each) => each[key]));
  // No relay has no CPU, and of nothing lost nothing is a share.
  const number = (value: number, digits: number) => (Number.isFinite(value) ? value.toFixed(digits) : '-');
  const row = (what: string, value: (each: Candidate) => number, digits: number, unit: string) => {
    const [coturn, ...ours] = candidates.map(value);
    const cells = ours.map((each) => `${number(each, digits)} ${unit} | ${number(each / coturn!, 2)}`);
    return `| ${what} | ${coturn!.toFixed(digits)} ${unit} | ${cells.join(' | ')} |`;
  };
  const quartiles = (what: string, samplesOf: (each: Candidate) => Sample[]) => {
    const [coturn, ...ours] = candidates.map((each) => {
      const values = samplesOf(each).map(({ p99Ms }) => p99Ms);
      return [0.25, 0.75].map((share) => percentile(values, share).toFixed(3)).join(' to ');
    });
    return `| ${what} | ${coturn} | ${ours.map((each) => `${each} | `).join(' | ')} |`;
  };
  const [head, ...others] = candidates.map(({ relay }) => relay.name);
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version};`,
    `generator and relaying threads with ${process.env.RELAY_BENCH} priority; load of the machine ${loads.map((load) => load.toFixed(1)).join(' to ')}; ${ROUNDS} rounds, ${WINDOWS} windows of delays, medians\n`,
    `| what | ${head} | ${others.map((name) => `${name} | ratio`).join(' | ')} |`,
    `|---|---${'|---|---'.repeat(others.length)}|`,
    row('most that is carried, packets/s', (each) => median(each.maxRates), 0, ''),
    row('packets a CPU second, each at its most', (each) => 1e6 / of(each.full, 'usPerPacket'), 0, ''),
    row('CPU of a packet, each at its most', (each) => of(each.full, 'usPerPacket'), 2, 'us'),
    row("CPU of a packet at half of coturn's most", (each) => of(each.atHalf, 'usPerPacket'), 2, 'us'),
    row('softirq of the machine for a packet, at its most', (each) => of(each.full, 'softirqUs'), 2, 'us'),
    ...(
      [
        ['half', 'atHalf'],
        ['0.7', 'atSeventy'],
      ] as const
    ).flatMap(([share, key]) => [
      row(`added at ${share} of coturn's most, p50`, (each) => of(each[key], 'p50Ms'), 3, 'ms'),
      row(`added at ${share} of coturn's most, p99`, (each) => of(each[key], 'p99Ms'), 3, 'ms'),
      quartiles('quartiles of the windows, ms', (each) => each[key]),
      row(`lost at ${share} of coturn's most`, (each) => of(each[key], 'lostPct'), 3, '%'),
      row(`generator late at ${share}, p99`, (each) => of(each[key], 'lateMs'), 2, 'ms'),
    ]),
    row('memory of a call', (each) => each.bytesPerCall, 0, 'B'),
  ].join('\n');
}

if (!existsSync(TURNSERVER)) throw new Error('turnserver is missing: install coturn');
if (cpus().length < 2) throw new Error('two processors are needed, one for the relay alone');
await onGround(fileURLToPath(import.meta.url), LIMIT_MS, async (ground) => {
  const load = () => Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
  const before = load();
  const candidates = await measure(ground);
  process.stdout.write(`${report(candidates, [before, load()])}\n`);
});

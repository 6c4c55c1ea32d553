/**
 * Plays calls between path agents over random pairs of simulated networks and compares them with the oracle. Run with
 * `node bench/traversal/simulate.ts [--pairs 100000] [--seed 1] [--paths-only] [--jobs N]`; put what it prints into SIMULATION.md
 * beside it. Without audio (`--paths-only`) it is some times as fast. A seed that failed repeats alone: `--pairs 1 --seed N`.
 */
import { availableParallelism, cpus, platform } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { type PairsSummary, tryPairs } from '@overcall/sim';
import { judgeCall } from '@overcall/sim/calls';
import { percentile } from '../percentile.ts';

const USAGE = 'usage: node bench/traversal/simulate.ts [--pairs N] [--seed N] [--paths-only] [--jobs N]\n';
/** Pairs that a job takes at once; it lives on from one share to the next, for the first pairs of a new one take three times as long. */
const SHARE = 500;

interface Share {
  firstSeed: number;
  pairs: number;
  audio: boolean;
}

interface Direct {
  expected: string;
  afterMs: number;
  afterKnownMs: number;
}

interface Outcome {
  summary: PairsSummary;
  direct: Direct[];
}

function play({ firstSeed, pairs, audio }: Share): Outcome {
  const direct: Direct[] = [];
  const summary = tryPairs({ firstSeed, pairs }, (run) => {
    const { why, directAfterMs, directAfterKnownMs } = judgeCall(run, { audio });
    if (directAfterMs !== null)
      direct.push({ expected: run.expected, afterMs: directAfterMs, afterKnownMs: directAfterKnownMs ?? 0 });
    return why;
  });
  return { summary, direct };
}

if (isMainThread) await main();
else parentPort!.on('message', (share: Share) => parentPort!.postMessage(play(share)));

async function main(): Promise<void> {
  const { pairs, firstSeed, audio, jobs } = settings();
  const startedAt = process.hrtime.bigint();
  const shares: Share[] = [];
  for (let first = firstSeed; first < firstSeed + pairs; first += SHARE)
    shares.push({ firstSeed: first, pairs: Math.min(SHARE, firstSeed + pairs - first), audio });
  const outcomes: Outcome[] = [];
  const work = async () => {
    const worker = new Worker(new URL(import.meta.url));
    for (let share = shares.shift(); share !== undefined; share = shares.shift()) {
      outcomes.push(await playedBy(worker, share));
      if (process.stderr.isTTY) process.stderr.write(`\r${outcomes.length * SHARE} of ${pairs}`);
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const tookS = Number(process.hrtime.bigint() - startedAt) / 1e9;
  report({ pairs, firstSeed, audio, jobs }, outcomes, tookS);
}

function settings() {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      'paths-only': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const [pairs, firstSeed, jobs] = (['pairs', 'seed', 'jobs'] as const).map((name) =>
    numberOf(name, values[name]),
  ) as [number, number, number];
  return { pairs, firstSeed, jobs, audio: !values['paths-only'] };
}

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  process.stderr.write(`--${name}: "${text}" is not a whole number above 0\n${USAGE}`);
  process.exit(2);
}

function playedBy(worker: Worker, share: Share): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  worker.once('message', resolve).once('error', reject);
  worker.postMessage(share);
  return promise.finally(() => worker.off('error', reject));
}

function percentiles(values: number[]): string {
  const at = (share: number) => Math.round(percentile(values, share));
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, max ${at(1)} ms`;
}

function report(
  { pairs, firstSeed, audio, jobs }: ReturnType<typeof settings>,
  outcomes: Outcome[],
  tookS: number,
): void {
  const direct = outcomes.flatMap((one) => one.direct);
  const expected = new Map<string, number>();
  for (const { summary } of outcomes)
    for (const [path, count] of Object.entries(summary.byExpected))
      expected.set(path, (expected.get(path) ?? 0) + count);
  const failed = outcomes.reduce((sum, { summary }) => sum + summary.failed, 0);
  const rows = [...expected].map(([path, count]) => {
    const found = direct.filter((one) => one.expected === path).map(({ afterMs }) => afterMs);
    const share = count === 0 ? 0 : (100 * found.length) / count;
    const times = found.length === 0 ? '' : `; ${percentiles(found)}`;
    return [`the oracle says ${path}: ${count}`, `${found.length} direct (${share.toFixed(2)} %)${times}`];
  });
  rows.unshift(['pairs from seed', `${pairs} from ${firstSeed}${audio ? '' : ', paths only'}`]);
  rows.push([
    'direct after both knew all candidates',
    percentiles(direct.map(({ afterKnownMs }) => afterKnownMs)),
  ]);
  rows.push(['failed', `${failed}`]);
  rows.push([
    'took',
    `${tookS.toFixed(0)} s in ${jobs} jobs, ${((1000 * tookS) / pairs).toFixed(1)} ms a pair`,
  ]);
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${platform()}, Node ${process.version}`;
  process.stdout.write(`${new Date().toISOString().slice(0, 10)}, ${machine}\n\n| what | |\n|---|---|\n`);
  for (const [what, value] of rows) process.stdout.write(`| ${what} | ${value} |\n`);
  for (const { seed, expected: path, why } of outcomes.flatMap(({ summary }) => summary.failures))
    process.stdout.write(`seed ${seed} (${path}): ${why}\n`);
  if (failed > 0) process.exitCode = 1;
}

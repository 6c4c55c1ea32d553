/**
 * Plays calls between path agents over random pairs of simulated networks and compares them with the oracle. Run with
 * `node bench/traversal/simulate.ts [--pairs 100000] [--seed 1]`; put what it prints into SIMULATION.md beside it. A seed that
 * failed repeats alone: `--pairs 1 --seed N`.
 */
import { cpus, platform } from 'node:os';
import { parseArgs } from 'node:util';
import { tryPairs } from '@overcall/sim';
import { type CallVerdict, judgeCall } from '@overcall/sim/calls';

const USAGE = 'usage: node bench/traversal/simulate.ts [--pairs N] [--seed N]\n';

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  process.stderr.write(`--${name}: "${text}" is not a whole number above 0\n${USAGE}`);
  process.exit(2);
}

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const pairs = numberOf('pairs', values.pairs);
const firstSeed = numberOf('seed', values.seed);

const direct: CallVerdict[] = [];
const startedAt = process.hrtime.bigint();
const summary = tryPairs({ firstSeed, pairs }, (run) => {
  const verdict = judgeCall(run);
  if (verdict.directAfterMs !== null) direct.push(verdict);
  return verdict.why;
});
const tookS = Number(process.hrtime.bigint() - startedAt) / 1e9;

function percentiles(of: (verdict: CallVerdict) => number | null): string {
  const sorted = direct.map((verdict) => of(verdict) ?? 0).sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, max ${at(1)} ms`;
}

const rows = [
  ['pairs from seed', `${pairs} from ${firstSeed}`],
  [
    'the oracle says',
    Object.entries(summary.byExpected)
      .map(([path, count]) => `${path} ${count}`)
      .join(', '),
  ],
  ['both direct', `${direct.length}`],
  ['direct after both began', percentiles(({ directAfterMs }) => directAfterMs)],
  ['direct after both knew all candidates', percentiles(({ directAfterKnownMs }) => directAfterKnownMs)],
  ['failed', `${summary.failed}`],
  ['took', `${tookS.toFixed(0)} s, ${((1000 * tookS) / pairs).toFixed(1)} ms a pair`],
];
const machine = `${cpus()[0]?.model}, ${cpus().length} cores, ${platform()}, Node ${process.version}`;
process.stdout.write(`${new Date().toISOString().slice(0, 10)}, ${machine}\n\n| what | |\n|---|---|\n`);
for (const [what, value] of rows) process.stdout.write(`| ${what} | ${value} |\n`);
for (const { seed, expected, why } of summary.failures)
  process.stdout.write(`seed ${seed} (${expected}): ${why}\n`);
if (summary.failed > 0) process.exitCode = 1;

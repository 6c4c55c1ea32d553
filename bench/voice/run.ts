/**
 * What a lossy, jittery, narrow path leaves of speech, against plain Opus with FEC and a fixed jitter buffer of 60 ms in the same run.
 * In virtual time, with real Opus: `npm run bench -- voice [SECONDS] [--seeds N] [--only TEXT] [--write]`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FRAME_SAMPLES, readRecording } from '@overcall/media';
import { median } from '../percentile.ts';
import { baseline, type Figures, ours, WARM_UP_S } from './measure.ts';
import { SCENARIOS } from './scenarios.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const seconds = Number(positionals[0] ?? 30);
const seeds = Array.from({ length: Number(flags.seeds) }, (_, seed) => seed);

const folder = new URL('../../test/recordings/', import.meta.url);
const speech = await readRecording(fileURLToPath(new URL('alice.wav', folder)));
const frames = Array.from({ length: seconds * 50 }, (_, i) => {
  const at = (i * FRAME_SAMPLES) % (speech.length - FRAME_SAMPLES);
  return speech.slice(at, at + FRAME_SAMPLES);
});

/** Columns: name, value, digits, and whether more of it is better. */
const COLUMNS: [string, (figures: Figures) => number | null, number, boolean?][] = [
  ['not recovered, %', ({ lostPct }) => lostPct, 2],
  ['delay added, p95, ms', ({ delayMs }) => delayMs, 0],
  ['payload, kbit/s', ({ payloadKbitPerS }) => payloadKbitPerS, 1],
  ['distance, dB', ({ distanceDb }) => distanceDb, 1],
  ['similarity', ({ similarity }) => similarity, 2, true],
  ['longest gap, ms', ({ longestGapMs }) => longestGapMs, 0],
  ['longest queue, ms', ({ queueMs }) => queueMs, 0],
];

/** The median of all seeds, and the worst where that is another. */
function cell(
  [, figureOf, digits, isMoreBetter]: (typeof COLUMNS)[number],
  runs: readonly Figures[],
): string {
  const values = runs.flatMap((figures) => figureOf(figures) ?? []);
  if (values.length === 0) return '';
  const middle = median(values).toFixed(digits);
  const worst = (isMoreBetter ? Math.min(...values) : Math.max(...values)).toFixed(digits);
  return middle === worst ? middle : `${middle} (${worst})`;
}

const lines: string[] = [];
function report(...cells: string[]): void {
  lines.push(`| ${cells.join(' | ')} |`);
  process.stdout.write(`${lines.at(-1)}\n`);
}

report('path', '', ...COLUMNS.map(([name]) => name));
report('---', '---', ...COLUMNS.map(() => '---'));
for (const scenario of SCENARIOS.filter(({ name }) => name.includes(flags.only)))
  for (const [who, measure] of [['ours', ours] as const, ['baseline', baseline] as const]) {
    const runs = seeds.map((seed) => measure(scenario, frames, seed));
    report(who === 'ours' ? scenario.name : '', who, ...COLUMNS.map((column) => cell(column, runs)));
  }

if (flags.write) {
  const machine = `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}`;
  const text = `# Voice on bad paths

\`npm run bench -- voice ${seconds} --seeds ${seeds.length} --write\`: ${seconds} s of speech in each case, in virtual time with real Opus. Baseline: Opus at 24 kbit/s
with in-band FEC and a fixed jitter buffer of 60 ms. Medians of ${seeds.length} seeds, the worst in brackets where it is another. Loss is counted from the ${WARM_UP_S}th second on.

${machine}

${lines.join('\n')}

"Not recovered": frames neither received in time nor recovered (baseline: moments concealed). "Delay added" is that of the jitter buffer. "Distance" and
"similarity" compare the mel spectra of what was said and heard (docs/media.md): the root mean square of their difference, and their correlation, 1 being the same.
`;
  const file = new URL('RESULTS.md', import.meta.url);
  // What other commands measured stands in sections of its own, and stays.
  const others = readFileSync(file, 'utf8').match(/\n## .*/s)?.[0] ?? '';
  writeFileSync(file, text + others);
}

/**
 * Which protection is worth what it costs, at how much loss: each way of sending by itself, whatever is reported, in the same paths.
 * `node bench/voice/protection.ts [SECONDS] [--seeds N] [--only TEXT]`; RESULTS.md has the table from which the steps of
 * `send-mode.ts` were chosen.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FRAME_SAMPLES, readRecording, type SendMode } from '@overcall/media';
import { median } from '../percentile.ts';
import { type Figures, ours } from './measure.ts';
import type { WayKind } from './way.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '5' }, only: { type: 'string', default: '' } },
});
const SECONDS = Number(positionals[0] ?? 30);
const SEEDS = Array.from({ length: Number(flags.seeds) }, (_, seed) => seed);
const RECORDINGS = ['alice.wav', 'bob.wav'];

const mode = (opusBytes: number, more: Partial<SendMode> = {}): SendMode => ({
  ...{ frames: 1, opusBytes, copies: 0, spacing: 1, fecPct: 0 },
  ...more,
});
const NONE = { none: mode(60) };
const FEC = { 'in-band FEC': mode(60, { fecPct: 10 }) };
const ONE = { 'one copy, 60 bytes': mode(60, { copies: 1 }) };
const TWO = { 'two copies, 48 bytes': mode(48, { copies: 2 }) };
const THREE = { 'three copies, 36 bytes': mode(36, { copies: 3 }) };
const APART = { 'two copies, 48 bytes, 4 apart': mode(48, { copies: 2, spacing: 4 }) };
/** What a narrow path takes. */
const LONG = {
  '60 ms, 180 bytes, none': mode(180, { frames: 3 }),
  '60 ms, 180 bytes, in-band FEC': mode(180, { frames: 3, fecPct: 10 }),
  '60 ms, 88 bytes, one copy': mode(88, { frames: 3, copies: 1 }),
};

const CASES: [string, WayKind, Record<string, SendMode>][] = [
  ['clean', {}, { ...NONE, ...FEC, ...ONE, ...TWO, ...THREE, ...LONG }],
  ['0.5% random', { lossPct: 0.5 }, { ...NONE, ...FEC, ...ONE }],
  ['1% random', { lossPct: 1 }, { ...NONE, ...FEC, ...ONE }],
  ['2% random', { lossPct: 2 }, { ...NONE, ...FEC, ...ONE }],
  ['3% random', { lossPct: 3 }, { ...NONE, ...FEC, ...ONE, ...TWO, ...LONG }],
  ['5% random', { lossPct: 5 }, { ...FEC, ...ONE, ...TWO, ...THREE, ...LONG }],
  ['10% random', { lossPct: 10 }, { ...FEC, ...ONE, ...TWO, ...THREE, ...LONG }],
  ['1%, bursts of 60 ms', { lossPct: 1, meanBurst: 3 }, { ...NONE, ...FEC, ...ONE, ...APART }],
  ['3%, bursts of 60 ms', { lossPct: 3, meanBurst: 3 }, { ...NONE, ...FEC, ...ONE, ...APART }],
  ['10%, bursts of 60 ms', { lossPct: 10, meanBurst: 3 }, { ...ONE, ...THREE, ...APART }],
].map(([name, way, sendings]) => [
  name as string,
  { delayMs: 50, ...(way as Partial<WayKind>) },
  sendings as Record<string, SendMode>,
]);

const recordings = await Promise.all(
  RECORDINGS.map((name) =>
    readRecording(fileURLToPath(new URL(`../../test/recordings/${name}`, import.meta.url))),
  ),
);
const spoken = recordings.map((speech) =>
  Array.from({ length: SECONDS * 50 }, (_, i) => {
    const at = (i * FRAME_SAMPLES) % (speech.length - FRAME_SAMPLES);
    return speech.slice(at, at + FRAME_SAMPLES);
  }),
);

const COLUMNS: ((figures: Figures) => [number, number])[] = [
  ({ lostPct }) => [lostPct, 2],
  ({ delayMs }) => [delayMs, 0],
  ({ payloadKbitPerS }) => [payloadKbitPerS, 1],
  ({ distanceDb }) => [distanceDb, 2],
  ({ similarity }) => [similarity, 3],
];
process.stdout.write(
  '| loss | protection | not recovered, % | delay added, p95, ms | payload, kbit/s | distance, dB | similarity |\n|---|---|---|---|---|---|---|\n',
);
for (const [loss, way, sendings] of CASES)
  for (const [name, sending] of Object.entries(sendings)) {
    if (!`${loss}, ${name}`.includes(flags.only)) continue;
    const runs = SEEDS.map((seed) =>
      ours({ name: loss, way }, spoken[seed % spoken.length]!, seed + 100, sending),
    );
    const cells = COLUMNS.map((figureOf) => {
      const digits = figureOf(runs[0]!)[1];
      const values = runs.map((figures) => figureOf(figures)[0]);
      return median(values).toFixed(digits);
    });
    process.stdout.write(`| ${[loss, name, ...cells].join(' | ')} |\n`);
  }

/**
 * What a lossy, jittery, narrow path leaves of speech, against plain Opus with FEC and a fixed jitter buffer of 60 ms in the same run.
 * In virtual time, with real Opus: `npm run bench -- voice [SECONDS] [--write]`.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { FRAME_SAMPLES, OpusDecoder, OpusEncoder, readRecording } from '@overcall/media';
import { speechSimilarity } from '@overcall/quality';
import { FixedSide } from './fixed-side.ts';
import { Side } from './voice-loop.ts';
import { Bottleneck, Way, type WayKind } from './way.ts';

interface Scenario {
  name: string;
  way: WayKind;
  /** From the middle on. */
  later?: WayKind;
  kbitPerS?: number;
}

const SCENARIOS: Scenario[] = [
  { name: 'clean, 50 ms', way: { delayMs: 50 } },
  { name: '10% random loss', way: { delayMs: 50, lossPct: 10 } },
  { name: '20% random loss', way: { delayMs: 50, lossPct: 20 } },
  { name: '30% random loss', way: { delayMs: 50, lossPct: 30 } },
  { name: '10% loss, bursts of 100 ms', way: { delayMs: 50, lossPct: 10, meanBurst: 5 } },
  { name: 'jitter up to 30 ms', way: { delayMs: 50, jitterMs: 30 } },
  { name: 'jitter up to 100 ms', way: { delayMs: 50, jitterMs: 100 } },
  { name: '20% loss, 60 ms jitter', way: { delayMs: 50, lossPct: 20, jitterMs: 60 } },
  { name: 'path longer by 100 ms', way: { delayMs: 50 }, later: { delayMs: 150 } },
  { name: 'path shorter by 100 ms', way: { delayMs: 150 }, later: { delayMs: 50 } },
  { name: '64 kbit/s shared both ways', way: { delayMs: 20 }, kbitPerS: 64 },
];
/** Loss is measured first: what is lost until then is not counted, s. */
const WARM_UP_S = 5;

const args = process.argv.slice(2);
const seconds = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 60);
const folder = new URL('../../test/recordings/', import.meta.url);
const speech = await readRecording(fileURLToPath(new URL('alice.wav', folder)));
const frames: Int16Array[] = [];
for (let i = 0; i < seconds * 50; i++) {
  const at = (i * FRAME_SAMPLES) % (speech.length - FRAME_SAMPLES);
  frames.push(speech.slice(at, at + FRAME_SAMPLES));
}
const said = concat(frames);

interface Row {
  lostPct: number;
  delayMs: number;
  kbitPerS: number;
  similarity: number;
  longestGapMs: number;
  queueMs: number | null;
}

function ours({ way, later, kbitPerS }: Scenario): Row {
  const bottleneck = kbitPerS === undefined ? null : new Bottleneck(kbitPerS);
  const ways = [new Way(way, 1, bottleneck), new Way(way, 2, bottleneck)] as const;
  const rttMs = 2 * way.delayMs;
  const sides = [0, 1].map(() => new Side(new OpusEncoder(), new OpusDecoder(), rttMs)) as [Side, Side];
  const heard: Int16Array[] = [];
  const delays: number[] = [];
  let lostBefore = 0;
  frames.forEach((frame, i) => {
    const nowMs = 1000 + i * 20;
    if (later !== undefined && i === frames.length >> 1) for (const each of ways) each.become(later);
    if (i === WARM_UP_S * 50) lostBefore = sides[1].playout.stats.lostFrames;
    for (const [at, side] of sides.entries()) {
      for (const { counter, bytes, atMs } of ways[1 - at]!.take(nowMs + 7)) side.hear(counter, bytes, atMs);
    }
    sides[0].say(frame, ways[0], nowMs);
    // The other side says the same, shifted: both directions carry as much.
    sides[1].say(frames[(i + 100) % frames.length]!, ways[1], nowMs + 3);
    heard.push(sides[1].playout.tick(nowMs + 7));
    sides[0].playout.tick(nowMs + 7);
    if (i > WARM_UP_S * 50) delays.push(sides[1].playout.stats.playoutDelayMs);
  });
  const { lostFrames, longestGapMs } = sides[1].playout.stats;
  return {
    lostPct: (100 * (lostFrames - lostBefore)) / (frames.length - WARM_UP_S * 50),
    delayMs: percentile(delays, 95),
    kbitPerS: (sides[0].payloadBytes * 8) / (seconds * 1000),
    similarity: speechSimilarity(said, concat(heard)).similarity,
    longestGapMs,
    queueMs: bottleneck === null ? null : percentile(bottleneck.queuesMs, 99),
  };
}

function baseline({ way, later, kbitPerS }: Scenario): Row {
  const bottleneck = kbitPerS === undefined ? null : new Bottleneck(kbitPerS);
  const there = new Way(way, 1, bottleneck);
  const back = new Way(way, 2, bottleneck);
  const [speaker, listener] = [new FixedSide(), new FixedSide()];
  const heard: Int16Array[] = [];
  const delays: number[] = [];
  let before = { concealed: 0 };
  frames.forEach((frame, i) => {
    const nowMs = 1000 + i * 20;
    if (later !== undefined && i === frames.length >> 1) there.become(later);
    if (i === WARM_UP_S * 50) before = { concealed: listener.playout.stats.concealedFrames };
    for (const { counter, bytes, atMs } of there.take(nowMs + 7)) listener.hear(counter, bytes, atMs);
    speaker.say(frame, there, nowMs);
    if (bottleneck !== null) back.send(i, new Uint8Array(63), nowMs + 3);
    heard.push(listener.playout.tick(nowMs + 7));
    if (i > WARM_UP_S * 50) delays.push(listener.playout.stats.playoutDelayMs);
  });
  const { concealedFrames, longestGapMs } = listener.playout.stats;
  return {
    lostPct: (100 * (concealedFrames - before.concealed)) / (frames.length - WARM_UP_S * 50),
    delayMs: percentile(delays, 95),
    kbitPerS: (speaker.payloadBytes * 8) / (seconds * 1000),
    similarity: speechSimilarity(said, concat(heard)).similarity,
    longestGapMs,
    queueMs: bottleneck === null ? null : percentile(bottleneck.queuesMs, 99),
  };
}

function percentile(values: readonly number[], pct: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * pct) / 100))]!;
}

function concat(parts: readonly Int16Array[]): Int16Array {
  const all = new Int16Array(parts.length * FRAME_SAMPLES);
  parts.forEach((part, i) => {
    all.set(part, i * FRAME_SAMPLES);
  });
  return all;
}

const cells = (row: Row): string =>
  [
    row.lostPct.toFixed(2),
    row.delayMs.toFixed(0),
    row.kbitPerS.toFixed(1),
    row.similarity.toFixed(2),
    row.longestGapMs.toFixed(0),
    row.queueMs === null ? '' : row.queueMs.toFixed(0),
  ].join(' | ');

const lines = [
  '| path | | not recovered, % | delay added, p95, ms | payload, kbit/s | similarity | longest gap, ms | queue, p99, ms |',
  '|---|---|---|---|---|---|---|---|',
];
for (const line of lines) process.stdout.write(`${line}\n`);
const report = (line: string) => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};
for (const scenario of SCENARIOS) {
  report(`| ${scenario.name} | ours | ${cells(ours(scenario))} |`);
  report(`| | baseline | ${cells(baseline(scenario))} |`);
}
if (args.includes('--write')) {
  const machine = `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}`;
  const text = `# Voice on bad paths

\`npm run bench -- voice ${seconds} --write\`: ${seconds} s of speech in each case, in virtual time with real Opus. Baseline: Opus at 24 kbit/s
with in-band FEC and a fixed jitter buffer of 60 ms. Loss is counted from the ${WARM_UP_S}th second on.

${machine}

${lines.join('\n')}

"Not recovered": frames neither received in time nor recovered (baseline: moments concealed). "Delay added" is that of the jitter buffer. "Similarity" is
that of docs/media.md: correlation of mel spectra, 1 is the same.
`;
  writeFileSync(new URL('RESULTS.md', import.meta.url), text);
}

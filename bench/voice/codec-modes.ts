/**
 * What Opus costs in one mode and another, and how near what comes out is to what was spoken, clean and with packets lost:
 * `node bench/voice/codec-modes.ts [SEEDS]`; bench/call/CPU.md has the last results. All packets of a mode have one size.
 */
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Encoder } from '@evan/opus';
import { FRAME_SAMPLES, OpusDecoder, readRecording } from '@overcall/media';
import { speechSimilarity } from '@overcall/quality';
import { median } from '../percentile.ts';

const SEEDS = Number(process.argv[2] ?? 8);
const LOST = [0, 0.01];
/** Each mode is timed so often, in turns, so that all have the same machine. */
const TIMINGS = 6;

interface Mode {
  name: string;
  application: 'voip' | 'audio' | 'restricted_lowdelay';
  signal: 'voice' | 'music' | 'auto';
  complexity: 5 | 9;
  bytes: number;
  /** Loss that in-band FEC is to be ready for, percent. */
  fecPct?: number;
}

const MODES: readonly Mode[] = [
  {
    name: 'voip, voice, complexity 9 (ours)',
    application: 'voip',
    signal: 'voice',
    complexity: 9,
    bytes: 60,
  },
  {
    name: 'the same with FEC (ours, from 0.5% loss on)',
    application: 'voip',
    signal: 'voice',
    complexity: 9,
    bytes: 60,
    fecPct: 10,
  },
  { name: 'voip, voice, complexity 5', application: 'voip', signal: 'voice', complexity: 5, bytes: 60 },
  { name: 'audio, music, complexity 9', application: 'audio', signal: 'music', complexity: 9, bytes: 60 },
  {
    name: 'CELT alone, complexity 9',
    application: 'restricted_lowdelay',
    signal: 'auto',
    complexity: 9,
    bytes: 60,
  },
  {
    name: 'CELT alone, complexity 9',
    application: 'restricted_lowdelay',
    signal: 'auto',
    complexity: 9,
    bytes: 80,
  },
  {
    name: 'CELT alone, complexity 9',
    application: 'restricted_lowdelay',
    signal: 'auto',
    complexity: 9,
    bytes: 120,
  },
  {
    name: 'CELT alone, complexity 5',
    application: 'restricted_lowdelay',
    signal: 'auto',
    complexity: 5,
    bytes: 60,
  },
];

function encoderOf({ application, signal, complexity, bytes, fecPct = 0 }: Mode): Encoder {
  const encoder = new Encoder({ channels: 1, sample_rate: 48_000, application });
  encoder.vbr = false;
  encoder.signal = signal;
  encoder.complexity = complexity;
  encoder.bitrate = bytes * 400;
  encoder.inband_fec = fecPct > 0;
  encoder.packet_loss = fecPct;
  return encoder;
}

/** Seeded, 0 to 1. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function framesOf(samples: Int16Array): Int16Array[] {
  return Array.from({ length: Math.floor(samples.length / FRAME_SAMPLES) }, (_, i) =>
    samples.slice(i * FRAME_SAMPLES, (i + 1) * FRAME_SAMPLES),
  );
}

/** What is heard when so many packets are lost by chance; the one after a lost one is there in time, as it is from 20 ms of buffer on. */
function heard(packets: readonly Uint8Array[], lostShare: number, seed: number): Int16Array {
  const random = randomSource(seed);
  for (let i = 0; i < 10; i++) random();
  const isLost = packets.map(() => random() < lostShare);
  const decoder = new OpusDecoder();
  const out = new Int16Array(packets.length * FRAME_SAMPLES);
  packets.forEach((packet, i) => {
    const next = packets[i + 1];
    const recovered = isLost[i] && next !== undefined && !isLost[i + 1] ? decoder.recover(next) : null;
    out.set(isLost[i] ? (recovered ?? decoder.conceal()) : decoder.decode(packet)!, i * FRAME_SAMPLES);
  });
  return out;
}

/** RFC 6716, table 2. */
function layersOf(packets: readonly Uint8Array[]): string {
  const count = { SILK: 0, hybrid: 0, CELT: 0 };
  for (const packet of packets) {
    const config = packet[0]! >> 3;
    count[config < 12 ? 'SILK' : config < 16 ? 'hybrid' : 'CELT']++;
  }
  return Object.entries(count)
    .filter(([, n]) => n > 0)
    .map(([layer, n]) => `${layer} ${Math.round((100 * n) / packets.length)}%`)
    .join(', ');
}

const voices = await Promise.all(
  ['alice', 'bob'].map((name) =>
    readRecording(fileURLToPath(new URL(`../../test/recordings/${name}.wav`, import.meta.url))),
  ),
);
const spoken = voices.map(framesOf);
const timesUs = MODES.map((): number[] => []);
for (let round = 0; round < TIMINGS; round++)
  MODES.forEach((mode, m) => {
    const encoder = encoderOf(mode);
    const { user: before } = process.cpuUsage();
    for (const frames of spoken) for (const frame of frames) encoder.encode(frame);
    const count = spoken.reduce((sum, frames) => sum + frames.length, 0);
    timesUs[m]!.push((process.cpuUsage().user - before) / count);
  });
const rows = MODES.map((mode, m) => {
  const cells: string[] = [];
  const packetsOf = spoken.map((frames) => {
    const encoder = encoderOf(mode);
    return frames.map((frame) => new Uint8Array(encoder.encode(frame)));
  });
  for (const lost of LOST) {
    const results = packetsOf.flatMap((packets, voice) =>
      Array.from({ length: lost === 0 ? 1 : SEEDS }, (_, seed) =>
        speechSimilarity(voices[voice]!, heard(packets, lost, seed + 1)),
      ),
    );
    cells.push(
      `${median(results.map(({ distanceDb }) => distanceDb)).toFixed(2)} dB, ${median(results.map(({ similarity }) => similarity)).toFixed(3)}`,
    );
  }
  return `| ${mode.name} | ${mode.bytes} | ${layersOf(packetsOf.flat())} | ${median(timesUs[m]!).toFixed(0)} us | ${cells.join(' | ')} |`;
});
process.stdout.write(
  [
    `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}, ${SEEDS} seeds`,
    '',
    '| mode | bytes | layers | a frame, in a loop | clean: distance, similarity | 1% lost |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n'),
);

/**
 * CPU of coding one 20 ms frame, and time to compare two recordings. Run with `node bench/media/run.ts`; put what
 * it prints into RESULTS.md beside it.
 */
import { cpus, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Decoder, Encoder } from '@evan/opus';
import {
  FRAME_SAMPLES,
  OpusDecoder,
  OpusEncoder,
  Playout,
  readRecording,
  SAMPLE_RATE_HZ,
} from '../../packages/media/src/index.ts';
import { estimateMos, speechSimilarity } from '../../packages/quality/src/index.ts';
import { median } from '../percentile.ts';

const ROUNDS = 5;
const path = fileURLToPath(new URL('../../test/recordings/alice.wav', import.meta.url));
const speech = await readRecording(path);
const frames: Int16Array[] = [];
for (let at = 0; at + FRAME_SAMPLES <= speech.length; at += FRAME_SAMPLES) {
  frames.push(speech.slice(at, at + FRAME_SAMPLES));
}

/** Median CPU time of a round in microseconds, after one round to warm up. */
async function medianCpuUs(round: () => unknown): Promise<number> {
  await round();
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const before = process.cpuUsage();
    await round();
    const spent = process.cpuUsage(before);
    times.push(spent.user + spent.system);
  }
  return median(times);
}

const lines: string[] = [];
const report = (what: string, value: string) => lines.push(`| ${what} | ${value} |`);

async function perFrame(what: string, count: number, round: () => unknown): Promise<void> {
  const us = (await medianCpuUs(round)) / count;
  report(what, `${us.toFixed(0)} us (${(us / 200).toFixed(2)}% of a core)`);
}

for (const complexity of [5, 9, 10] as const) {
  const encoder = new Encoder({ channels: 1, sample_rate: SAMPLE_RATE_HZ, application: 'voip' });
  encoder.vbr = false;
  encoder.bitrate = 24_000;
  encoder.complexity = complexity;
  await perFrame(`encode a frame, complexity ${complexity}`, frames.length, () => {
    for (const frame of frames) encoder.encode(frame);
  });
}
const encoder = new OpusEncoder();
await perFrame('encode a frame, as set up here', frames.length, () =>
  frames.map((frame) => encoder.encode(frame)),
);
const withFec = new OpusEncoder({ fecForLossPct: 10 });
await perFrame('encode a frame, with FEC', frames.length, () => frames.map((frame) => withFec.encode(frame)));

const packets = frames.map((frame) => encoder.encode(frame));
const native = new Decoder({ channels: 1, sample_rate: SAMPLE_RATE_HZ });
await perFrame('decode a frame, native, no concealment', packets.length, () => {
  for (const packet of packets) native.decode(packet);
});
const decoder = new OpusDecoder();
await perFrame('decode a frame, WebAssembly', packets.length, () => {
  for (const packet of packets) decoder.decode(packet);
});
await perFrame('decode a frame and conceal one, WebAssembly', packets.length, () => {
  for (const packet of packets) {
    decoder.decode(packet);
    decoder.conceal();
  }
});
await perFrame('receive and play a frame (buffer and decoder)', packets.length, () => {
  const playout = new Playout(new OpusDecoder());
  packets.forEach((packet, i) => {
    playout.receive(i, packet, i * 20);
    playout.tick(i * 20 + 10);
  });
});

const seconds = (speech.length / SAMPLE_RATE_HZ).toFixed(1);
const readMs = (await medianCpuUs(() => readRecording(path))) / 1000;
report(`read ${seconds} s of 16 kHz WAV`, `${readMs.toFixed(0)} ms`);
const similarityMs = (await medianCpuUs(() => speechSimilarity(speech, speech))) / 1000;
report(`compare two recordings of ${seconds} s`, `${similarityMs.toFixed(0)} ms`);
const rateUs = await medianCpuUs(() => {
  for (let i = 0; i < 10_000; i++) estimateMos({ delayMs: i % 500, lossPct: i % 10 });
});
report('rate a call (E-model)', `${(rateUs / 10_000).toFixed(2)} us`);

const cpu = cpus()[0]?.model ?? 'unknown CPU';
process.stdout.write(
  [
    `${new Date().toISOString().slice(0, 10)}, ${cpu}, ${cpus().length} cores, ${platform()}, Node ${process.version}`,
    '',
    '| what | CPU time, median of 5 |',
    '|---|---|',
    ...lines,
    '',
  ].join('\n'),
);

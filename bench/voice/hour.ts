/**
 * An hour of one side hearing another, in accelerated time, through jitter buffer, decoder and time-stretching: `node bench/voice/hour.ts [MINUTES]`.
 * The clocks differ by 500 ppm, packets have 20 ms of jitter, 1% are lost; a minute of real Opus, again and again.
 */
import { fileURLToPath } from 'node:url';
import { FRAME_SAMPLES, OpusDecoder, OpusEncoder, Playout, readRecording } from '@overcall/media';
import { Random } from '@overcall/sim';

const MINUTE_FRAMES = 3000;
const PPM = 500;
const JITTER_MS = 20;
const LOSS_PCT = 1;

const minutes = Number(process.argv[2] ?? 60);
const recording = fileURLToPath(new URL('../../test/recordings/alice.wav', import.meta.url));
const speech = await readRecording(recording);
const encoder = new OpusEncoder();
const packets = Array.from({ length: MINUTE_FRAMES }, (_, i) => {
  const at = (i * FRAME_SAMPLES) % (speech.length - FRAME_SAMPLES);
  return encoder.encode(speech.slice(at, at + FRAME_SAMPLES));
});

const random = new Random(1);
const playout = new Playout(new OpusDecoder());
const megabytes = () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
};
const waiting: { number: number; atMs: number }[] = [];
let sent = 0;
let concealedBefore = 0;
process.stdout.write('| minute | delay, ms | concealed, % | memory, MB |\n|---|---|---|---|\n');
for (let tick = 0; tick < minutes * MINUTE_FRAMES; tick++) {
  const nowMs = 1000 + tick * 20 * (1 + PPM / 1e6);
  for (; 1000 + sent * 20 <= nowMs; sent++)
    if (!random.happens(LOSS_PCT))
      waiting.push({ number: sent, atMs: 1000 + sent * 20 + JITTER_MS * random.fraction() });
  while (waiting.length > 0 && waiting[0]!.atMs <= nowMs) {
    const { number, atMs } = waiting.shift()!;
    playout.receive(number & 0xffff, packets[number % MINUTE_FRAMES]!, atMs);
  }
  playout.tick(nowMs);
  const minute = (tick + 1) / MINUTE_FRAMES;
  if (minute !== 1 && minute % 10 !== 0) continue;
  const { playoutDelayMs, concealedFrames } = playout.stats;
  const concealedPct =
    (100 * (concealedFrames - concealedBefore)) / (Math.min(10, Math.max(1, minute)) * MINUTE_FRAMES);
  concealedBefore = concealedFrames;
  const cells = [minute, playoutDelayMs.toFixed(0), concealedPct.toFixed(2), megabytes().toFixed(1)];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

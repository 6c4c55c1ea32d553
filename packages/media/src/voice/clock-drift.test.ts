import { expect, test } from 'vitest';
import { play, seeded, stream } from './jitter-buffer.test-support.ts';
import { JitterBuffer } from './jitter-buffer.ts';

const HOUR_FRAMES = 180_000;
const PACKET = new Uint8Array(4);
const STRETCH_MS = 5;

test.each([
  -500, 500,
])('in an hour of clocks that differ by %i ppm nothing drifts, grows or is made up', (ppm) => {
  const buffer = new JitterBuffer();
  const tickMs = 20 * (1 + ppm / 1e6);
  const seen = { made: 0, mostKept: 0, longestMs: 0, stretches: 0, minutes: [] as number[] };
  let [sent, pendingMs, minuteSumMs] = [0, 0, 0];
  for (let tick = 0; tick * tickMs < HOUR_FRAMES * 20 - 100; tick++) {
    const nowMs = 37 + tick * tickMs;
    while (sent < HOUR_FRAMES && sent * 20 + 30 <= nowMs) {
      const audio = { number: sent, frames: 1, opus: PACKET, copies: [], hasFec: false };
      buffer.push(audio, sent++ * 20 + 30);
    }
    seen.mostKept = Math.max(seen.mostKept, buffer.keptPackets);
    for (; pendingMs < 20; pendingMs += 20) {
      const pulled = buffer.pull(nowMs, pendingMs);
      if (pulled.kind !== 'frame') seen.made += tick > 5 ? 1 : 0;
      else if (pulled.stretch !== 'none') {
        const ms = pulled.stretch === 'lengthen' ? STRETCH_MS : -STRETCH_MS;
        buffer.noteStretched(ms);
        pendingMs += ms;
        seen.stretches++;
      }
    }
    pendingMs -= 20;
    seen.longestMs = Math.max(seen.longestMs, buffer.playoutDelayMs);
    minuteSumMs += buffer.playoutDelayMs;
    if (tick % 3000 !== 2999) continue;
    seen.minutes.push(minuteSumMs / 3000);
    minuteSumMs = 0;
  }
  expect(seen).toMatchObject({ made: 0 });
  expect(seen.mostKept).toBeLessThan(5);
  expect(seen.longestMs).toBeLessThanOrEqual(40);
  // 500 ppm of an hour are 1.8 s.
  expect(Math.abs(seen.stretches * STRETCH_MS - 1800)).toBeLessThan(100);
  expect(Math.max(...seen.minutes.slice(1)) - Math.min(...seen.minutes.slice(1))).toBeLessThan(5);
  expect(buffer.stats).toEqual({
    lateFrames: 0,
    duplicateFrames: 0,
    lostFrames: 0,
    skippedFrames: 0,
    resyncs: 0,
  });
});

test.each([
  [5, -500],
  [20, -500],
  [20, 500],
  [40, -500],
])('with jitter up to %i ms, too, clocks that differ by %i ppm make up nothing in ten minutes', (jitterMs, ppm) => {
  const random = seeded(7);
  const arrivals = stream(30_000, () => 30 + jitterMs * random());
  const { moments, buffer } = play(arrivals, 599_800, { tickMs: 20 * (1 + ppm / 1e6) });
  const made = moments.filter(({ kind, atMs }) => kind !== 'frame' && atMs > 1000);
  expect(made.length).toBeLessThanOrEqual(2);
  expect(buffer.stats.skippedFrames).toBe(0);
  const delays = moments.slice(5000).map(({ delayMs }) => delayMs);
  expect(Math.max(...delays)).toBeLessThan(45 + jitterMs);
});

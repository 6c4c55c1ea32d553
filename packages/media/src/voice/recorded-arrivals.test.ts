import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Arrival, play } from './jitter-buffer.test-support.ts';

/** How late each frame was, ms; null: it never came. As bench/voice/record-arrivals.ts writes them. */
function readTrace(name: string): (number | null)[] {
  const text = readFileSync(new URL(`traces/${name}.json`, import.meta.url), 'utf8');
  const { delaysMs } = JSON.parse(text) as { about: string; delaysMs: string };
  return delaysMs.split(' ').map((delayMs) => (delayMs === '-' ? null : Number(delayMs)));
}

/** Made up of all, percent; delay in the median and for 95%, ms. All as it was, rounded up: less is better. */
test.each([
  ['busy-loopback', { madeUpPct: 0.8, medianMs: 70, p95Ms: 200 }],
  ['loopback', { madeUpPct: 2, medianMs: 130, p95Ms: 290 }],
  ['lab-wireless', { madeUpPct: 5.5, medianMs: 140, p95Ms: 300 }],
  ['lab-shared-link', { madeUpPct: 2.2, medianMs: 270, p95Ms: 300 }],
])('arrivals recorded in %s', (name, limits) => {
  const delaysMs = readTrace(name);
  const arrivals: Arrival[] = delaysMs.flatMap((delayMs, number) =>
    delayMs === null ? [] : [{ number, atMs: 30 + number * 20 + delayMs }],
  );
  const { moments, mostKept } = play(arrivals, delaysMs.length * 20 - 200);
  const playing = moments.slice(moments.findIndex(({ kind }) => kind === 'frame'));
  const madeUpPct = (100 * playing.filter(({ kind }) => kind !== 'frame').length) / playing.length;
  const delays = playing.map(({ delayMs }) => delayMs).sort((a, b) => a - b);
  const [medianMs, p95Ms] = [0.5, 0.95].map((share) => delays[Math.floor(delays.length * share)]!);
  expect(madeUpPct).toBeLessThan(limits.madeUpPct);
  expect(medianMs).toBeLessThan(limits.medianMs);
  expect(p95Ms).toBeLessThan(limits.p95Ms);
  expect(mostKept).toBeLessThan(60);
});

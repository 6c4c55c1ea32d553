import { type Logger, pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ClockWatch } from './clock-watch.ts';

const MINUTE_MS = 60_000;
const TEN_MINUTES_MS = 600_000;
/** No jitter: looks are just these times apart. */
const MIDDLE = 0.5;

/** How far ahead the clock is found, one look after another; null: the directory does not answer. */
let readings: (number | null)[];
let told: string[];
let chance: number;
let watch: ClockWatch;
beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  chance = MIDDLE;
  const log: Logger = pino({}, { write: (line: string) => void told.push(JSON.parse(line).msg) });
  watch = new ClockWatch({
    read: async () => {
      const aheadMs = readings.shift() ?? null;
      if (aheadMs === null) throw new Error('no answer');
      return { aheadMs, errorMs: 500 };
    },
    onChange: () => told.push(watch.trouble === null ? 'right' : 'wrong'),
    random: () => chance,
    log,
  });
});
afterEach(() => {
  watch.close();
  vi.useRealTimers();
});

it('finds a clock that goes wrong while it runs, and that it was mended', async () => {
  readings = [3000, -180_000, -180_000, 200];
  watch.start();
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect([watch.newest?.value, watch.trouble]).toEqual([3000, null]);
  await vi.advanceTimersByTimeAsync(TEN_MINUTES_MS);
  expect(watch.trouble).toMatch(/^this clock is 180.0 s behind the directory's, 120 s are the most/);
  // Looked at more often now.
  await vi.advanceTimersByTimeAsync(2 * MINUTE_MS);
  expect([watch.newest?.value, watch.trouble]).toEqual([200, null]);
  expect(told).toEqual([
    'the clock is wrong: what is signed here may be refused',
    'wrong',
    'the clock is right again',
    'right',
  ]);
});

it('goes on with what it knew while the directory is away', async () => {
  readings = [null, 180_000, null, null];
  watch.start();
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect([watch.newest, watch.trouble]).toEqual([null, null]);
  await vi.advanceTimersByTimeAsync(TEN_MINUTES_MS);
  expect(watch.newest?.value).toBe(180_000);
  await vi.advanceTimersByTimeAsync(2 * MINUTE_MS);
  expect(readings).toEqual([]);
  expect(watch.trouble).not.toBeNull();
});

it.each([
  [0, 45_000],
  [0.99, 74_700],
])('looks a quarter earlier or later, by chance (%d)', async (atRandom, firstMs) => {
  readings = [3000];
  chance = atRandom;
  watch.start();
  await vi.advanceTimersByTimeAsync(firstMs - 1000);
  expect(watch.newest).toBeNull();
  await vi.advanceTimersByTimeAsync(1000);
  expect(watch.newest?.value).toBe(3000);
});

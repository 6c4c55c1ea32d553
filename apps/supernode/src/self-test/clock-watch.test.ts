import { type Logger, pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ClockWatch } from './clock-watch.ts';

const MINUTE_MS = 75_000;
const TEN_MINUTES_MS = 750_000;

/** How far ahead the clock is found, one look after another; null: the directory does not answer. */
let readings: (number | null)[];
let told: string[];
let watch: ClockWatch;
beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  const log: Logger = pino({}, { write: (line: string) => void told.push(JSON.parse(line).msg) });
  watch = new ClockWatch({
    read: async () => {
      const aheadMs = readings.shift() ?? null;
      if (aheadMs === null) throw new Error('no answer');
      return { aheadMs, errorMs: 500 };
    },
    onChange: () => told.push(watch.trouble === null ? 'right' : 'wrong'),
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

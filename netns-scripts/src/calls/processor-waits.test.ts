import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ProcessorWaits, processorWaitMs } from './processor-waits.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('counts what programs waited between the answer and the end, those that are gone by then too', () => {
  const waited = new Map([
    [1, 500],
    [2, 100],
  ]);
  const waits = new ProcessorWaits([1, 2, 3], (pid) => waited.get(pid) ?? null);
  expect(waits.waitedMs).toEqual([null, null, null]);
  waits.handleEvent({ event: 'ringing' });
  waited.set(1, 700);
  waits.handleEvent({ event: 'answered' });
  waited.set(1, 760).set(2, 130);
  vi.advanceTimersByTime(100);
  waited.delete(1);
  waited.set(2, 140);
  waits.handleEvent({ event: 'ended' });
  waited.set(2, 999);
  waits.stop();
  expect(waits.waitedMs).toEqual([60, 40, null]);
  expect(vi.getTimerCount()).toBe(0);
});

test.runIf(process.platform === 'linux')(
  'is told by the kernel for what runs, and by nobody for what does not',
  () => {
    expect(processorWaitMs(process.pid)).toBeGreaterThanOrEqual(0);
    expect(processorWaitMs(2 ** 30)).toBe(null);
  },
);

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DeadlineTimer, monotonicMs } from './clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('one timer of whole milliseconds does for a deadline between two: Node cuts off fractions, and would wake twice', () => {
  const set = vi.spyOn(globalThis, 'setTimeout');
  const onDue = vi.fn();
  new DeadlineTimer(onDue).set(monotonicMs() + 19.3);
  vi.advanceTimersByTime(19);
  expect(onDue).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(onDue).toHaveBeenCalledTimes(1);
  expect(set.mock.calls.map(([, ms]) => ms)).toEqual([20]);
});

test('a deadline in the past is due at once, a later one replaces it, and none is no timer', () => {
  const onDue = vi.fn();
  const timer = new DeadlineTimer(onDue);
  timer.set(monotonicMs() - 5);
  timer.set(monotonicMs() + 10);
  vi.advanceTimersByTime(9);
  expect(onDue).not.toHaveBeenCalled();
  timer.set(null);
  vi.advanceTimersByTime(1000);
  expect(onDue).not.toHaveBeenCalled();
  timer.set(monotonicMs() - 5);
  vi.advanceTimersByTime(0);
  expect(onDue).toHaveBeenCalledTimes(1);
});

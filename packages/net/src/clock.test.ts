import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DeadlineTimer, monotonicMs } from './clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  // In this order: what was spied on is not real.
  vi.restoreAllMocks();
  vi.useRealTimers();
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

test('a deadline that moves away while another comes before it costs no timer', () => {
  const set = vi.spyOn(globalThis, 'setTimeout');
  const [onSound, onSilence] = [vi.fn(), vi.fn()];
  const sound = new DeadlineTimer(onSound);
  const silence = new DeadlineTimer(onSilence);
  const startMs = monotonicMs();
  sound.set(startMs + 20);
  for (let ms = 0; ms < 10; ms++) silence.set(startMs + 60 + ms);
  expect(set).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(20);
  expect(onSound).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(48);
  expect(onSilence).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(onSilence).toHaveBeenCalledTimes(1);
});

test('of several that are due at once the earliest comes first, and may put off the others', () => {
  const due: string[] = [];
  const startMs = monotonicMs();
  const putOff = new DeadlineTimer(() => due.push('put off'));
  const late = new DeadlineTimer(() => due.push('late'));
  const early = new DeadlineTimer(() => {
    due.push('early');
    putOff.set(startMs + 40);
  });
  putOff.set(startMs + 9.3);
  late.set(startMs + 9.6);
  early.set(startMs + 9.1);
  vi.advanceTimersByTime(10);
  expect(due).toEqual(['early', 'late']);
  vi.advanceTimersByTime(30);
  expect(due).toEqual(['early', 'late', 'put off']);
});

test('one that throws does not hold up those behind it', () => {
  const onDue = vi.fn();
  new DeadlineTimer(() => {
    throw new Error('broken');
  }).set(monotonicMs() + 5);
  new DeadlineTimer(onDue).set(monotonicMs() + 5);
  expect(() => vi.advanceTimersByTime(5)).toThrow('broken');
  vi.advanceTimersByTime(1);
  expect(onDue).toHaveBeenCalledTimes(1);
});

test('what is further away than Node can wait is waited for all the same', () => {
  const onDue = vi.fn();
  const days = 30 * 86_400_000;
  const timer = new DeadlineTimer(onDue);
  timer.set(monotonicMs() + days);
  vi.advanceTimersByTime(days - 1);
  expect(onDue).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(onDue).toHaveBeenCalledTimes(1);
});

test('nothing to wait for keeps no program alive', () => {
  const timers = [new DeadlineTimer(vi.fn()), new DeadlineTimer(vi.fn())];
  for (const timer of timers) timer.set(monotonicMs() + 1000);
  for (const timer of timers) timer.set(null);
  expect(vi.getTimerCount()).toBe(0);
});

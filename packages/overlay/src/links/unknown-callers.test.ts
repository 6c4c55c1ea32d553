import fc from 'fast-check';
import { expect, it } from 'vitest';
import { UnknownCallers } from './unknown-callers.ts';

it('one who is not known makes us ask within half a second', () => {
  const callers = new UnknownCallers(() => 0.5);
  expect(callers.nextDeadline).toBeNull();
  callers.handleUnknown(1000);
  expect(callers.nextDeadline).toBe(1250);
  expect(callers.poll(1249)).toBe(false);
  expect(callers.poll(1250)).toBe(true);
  expect(callers.nextDeadline).toBeNull();
});

it('a list that has come meanwhile is enough', () => {
  const callers = new UnknownCallers(() => 0.5);
  callers.handleUnknown(1000);
  callers.handleList();
  expect(callers.poll(5000)).toBe(false);
});

it('however many there are, they are not asked for more often than each 10 s, and none of them is forgotten', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 200 }), (pausesMs) => {
      const callers = new UnknownCallers(() => 0.99);
      const askedMs: number[] = [];
      let nowMs = 0;
      const poll = () => callers.poll(nowMs) && askedMs.push(nowMs);
      for (const pauseMs of pausesMs) {
        for (const untilMs = nowMs + pauseMs; nowMs < untilMs; nowMs += 100) poll();
        callers.handleUnknown(nowMs);
      }
      const lastMs = nowMs;
      for (; callers.nextDeadline !== null; nowMs += 100) poll();
      expect(askedMs.every((atMs, i) => i === 0 || atMs - askedMs[i - 1]! >= 10_000)).toBe(true);
      expect(askedMs.at(-1)).toBeGreaterThanOrEqual(lastMs);
      expect(nowMs).toBeLessThan(lastMs + 11_000);
    }),
  );
});

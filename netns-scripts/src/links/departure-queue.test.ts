import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DepartureQueue } from './departure-queue.ts';

test('takes out in the order of time, and of arrival where times are equal', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 200 }), (times) => {
      const queue = new DepartureQueue<[number, number]>();
      for (const [order, atMs] of times.entries()) queue.add([atMs, order], atMs);
      const taken: [number, number][] = [];
      for (let item = queue.takeDue(9); item !== undefined; item = queue.takeDue(9)) taken.push(item);
      expect(taken).toEqual(taken.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
      expect(taken).toHaveLength(times.length);
    }),
  );
});

test('keeps back what is not due, and says when it will be', () => {
  const queue = new DepartureQueue<string>();
  expect(queue.nextAtMs).toBe(Number.POSITIVE_INFINITY);
  queue.add('late', 20);
  queue.add('early', 10);
  expect(queue.nextAtMs).toBe(10);
  expect(queue.takeDue(9.9)).toBeUndefined();
  expect(queue.takeDue(15)).toBe('early');
  expect(queue.takeDue(15)).toBeUndefined();
  expect(queue.nextAtMs).toBe(20);
});

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openFirst } from './open-race.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Openings that end as the test says, and what has been given up. */
function race(random = 0.5) {
  const tried: { opened(what: string): void; failed(why: string): void; isGivenUp: boolean }[] = [];
  const first = openFirst<string>(
    () => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const one = { opened: resolve, failed: (why: string) => reject(new Error(why)), isGivenUp: false };
      tried.push(one);
      const giveUp = () => {
        one.isGivenUp = true;
        one.failed('given up');
      };
      return { opened: promise, giveUp };
    },
    { random: () => random },
  );
  first.catch(() => {});
  return { tried, first };
}

it('opens one where it opens soon', async () => {
  const { tried, first } = race();
  tried[0]!.opened('first');
  expect(await first).toBe('first');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(tried.length).toBe(1);
});

it('opens a second one beside one that takes long, takes who is first, and gives the other one up', async () => {
  const { tried, first } = race();
  await vi.advanceTimersByTimeAsync(1499);
  expect(tried.length).toBe(1);
  await vi.advanceTimersByTimeAsync(2);
  expect(tried.length).toBe(2);
  tried[1]!.opened('second');
  expect(await first).toBe('second');
  expect(tried.map(({ isGivenUp }) => isGivenUp)).toEqual([true, false]);
});

it('never opens a third', async () => {
  const { tried } = race();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(tried.length).toBe(2);
});

it.each([
  [0, 1125],
  [0.999, 1874],
])('spreads the moment of the second (%d: %d ms)', async (random, ms) => {
  const { tried } = race(random);
  await vi.advanceTimersByTimeAsync(ms - 1);
  expect(tried.length).toBe(1);
  await vi.advanceTimersByTimeAsync(2);
  expect(tried.length).toBe(2);
});

it('asks nobody again who refused', async () => {
  const { tried, first } = race();
  tried[0]!.failed('refused');
  await expect(first).rejects.toThrow('refused');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(tried.length).toBe(1);
});

it('leaves it to the second when the first fails later, and fails with it', async () => {
  const { tried, first } = race();
  await vi.advanceTimersByTimeAsync(2000);
  tried[0]!.failed('too late');
  await vi.advanceTimersByTimeAsync(0);
  tried[1]!.failed('refused');
  await expect(first).rejects.toThrow('refused');
});

it('gives up the one that opens in the same moment', async () => {
  const { tried, first } = race();
  await vi.advanceTimersByTimeAsync(2000);
  tried[0]!.opened('first');
  tried[1]!.opened('second');
  expect(await first).toBe('first');
  expect(tried.map(({ isGivenUp }) => isGivenUp)).toEqual([false, true]);
});

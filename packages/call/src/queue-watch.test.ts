import { expect, test } from 'vitest';
import { QueueWatch } from './queue-watch.ts';

/** Numbers below 1 that a seed repeats (Park and Miller). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Packets that take `delayMs(i)`, handed over as they come, those that were overtaken left out: the queue seen at each. */
function watch(delayMs: (i: number) => number, count: number, frames = 1): number[] {
  const queue = new QueueWatch();
  const arrivals = Array.from({ length: count }, (_, i) => ({ i, atMs: i * frames * 20 + delayMs(i) }));
  let highest = -1;
  return arrivals
    .sort((a, b) => a.atMs - b.atMs)
    .flatMap(({ i, atMs }) => {
      if (i < highest) return [];
      queue.observe(atMs - i * frames * 20, (i - highest) * frames, atMs);
      highest = i;
      return [queue.queueMs(atMs)];
    });
}

const QUARTER_OF_AN_HOUR = 45_000;

test('what a queue does not do is taken for none', () => {
  const random = seeded(7);
  let stall = { fromMs: 0, untilMs: 0 };
  let route = { until: 0, delayMs: 0 };
  const cases: Record<string, (i: number) => number> = {
    'jitter of 30 ms': () => 30 + 30 * random(),
    'jitter with a long tail': () => 30 - 10 * Math.log(random() || 1e-9),
    'a machine that is held up for 200 ms now and then': (i) => {
      if (i * 20 > stall.untilMs) {
        const fromMs = i * 20 + 50 + 2000 * random();
        stall = { fromMs, untilMs: fromMs + 200 * random() };
      }
      return 30 + (i * 20 >= stall.fromMs ? Math.max(0, stall.untilMs - i * 20) : 0);
    },
    'routes that change by up to 150 ms': (i) => {
      if (i >= route.until) route = { until: i + 50 + 500 * random(), delayMs: 150 * random() };
      return 30 + route.delayMs + 5 * random();
    },
    'clocks that differ by 500 ppm': (i) => 30 + i * 20 * 5e-4 + 5 * random(),
  };
  for (const [name, delayMs] of Object.entries(cases))
    expect([name, Math.max(...watch(delayMs, QUARTER_OF_AN_HOUR))]).toEqual([name, 0]);
});

test('strong jitter is rarely taken for a queue', () => {
  const random = seeded(3);
  const seen = watch(() => 30 + 100 * random(), QUARTER_OF_AN_HOUR);
  expect(seen.filter((queueMs) => queueMs >= 24).length).toBeLessThan(45);
});

test.each([
  60, 100, 120,
])('jitter of up to %i ms where packets keep their order is rarely taken for a queue', (jitterMs) => {
  const random = seeded(11);
  let lastAtMs = 0;
  const seen = watch((i) => {
    lastAtMs = Math.max(lastAtMs, i * 20 + 40 + jitterMs * random());
    return lastAtMs - i * 20;
  }, QUARTER_OF_AN_HOUR);
  expect(seen.filter((queueMs) => queueMs >= 24).length).toBeLessThan(20);
});

test.each([
  // [ms of queue for each ms of sound, frames in a packet, seen before the queue is so long, ms]
  [0.425, 1, 50],
  [0.425, 3, 120],
  [0.2, 1, 50],
  [0.05, 1, 50],
  [0.02, 1, 70],
])('a queue that grows by %f ms a ms, in packets of %i frames, is seen before it is %i ms', (slope, frames, limitMs) => {
  const random = seeded(5);
  const queueMs = (i: number) => Math.max(0, i - 200) * 20 * frames * slope;
  const seen = watch((i) => 30 + 5 * random() + queueMs(i), 600, frames);
  const first = seen.findIndex((each) => each > 0);
  expect(first).toBeGreaterThan(200);
  expect(queueMs(first)).toBeLessThan(limitMs);
});

test('a queue that is there from the first packet on is seen soon where packets vary by 60 ms, too', () => {
  const slope = 0.425;
  const seenAtMs = Array.from({ length: 41 }, (_, seed) => {
    const random = seeded(1000 + 77 * seed);
    const seen = watch((i) => 30 + 60 * random() + i * 20 * slope, 100);
    return seen.findIndex((queueMs) => queueMs > 0) * 20 * slope;
  }).sort((a, b) => a - b);
  expect(seenAtMs[0]).toBeGreaterThan(0);
  expect(seenAtMs[20]).toBeLessThan(100);
});

test('a queue is none any more when it has drained, and one that stands is forgotten', () => {
  const drained = watch(
    (i) => 30 + (i < 200 ? 0 : i < 210 ? (i - 200) * 9 : Math.max(0, 90 - (i - 210) * 5)),
    300,
  );
  expect(Math.max(...drained)).toBeGreaterThan(50);
  expect(drained.at(-1)).toBe(0);
  const standing = watch((i) => 30 + Math.min(100, Math.max(0, i - 200) * 8), 900);
  expect(standing[400]).toBeGreaterThan(70);
  expect(standing.at(-1)).toBe(0);
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FirstTrend } from './first-trend.ts';

/** Numbers below 1 that a seed repeats (Park and Miller). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** What is told of packets 20 ms apart that take `delayMs(i)`, from that one on; those that were overtaken are left out. */
function tell(delayMs: (i: number) => number, count = 60, trend = new FirstTrend(), from = 0) {
  const arrivals = Array.from({ length: count }, (_, i) => ({
    i: from + i,
    atMs: (from + i) * 20 + delayMs(from + i),
  }));
  let highest = from - 1;
  const told: { i: number; growth: number }[] = [];
  for (const { i, atMs } of arrivals.sort((a, b) => a.atMs - b.atMs)) {
    if (i <= highest) continue;
    highest = i;
    const growth = trend.observe(atMs - i * 20, atMs);
    if (growth > 0) told.push({ i, growth });
  }
  return told;
}

test.each([
  // [ms of queue for each ms of audio, told by the fourth packet or by how long a queue, ms]
  [0.9, 60],
  [0.425, 35],
  [0.125, 20],
])('a queue that grows by %f ms a ms is told of, once, before it is longer than %i ms', (slope, limitMs) => {
  const told = tell((i) => 40 + i * 20 * slope);
  expect(told).toHaveLength(1);
  expect(told[0]!.growth).toBeCloseTo(slope, 1);
  expect(told[0]!.i * 20 * slope).toBeLessThan(limitMs);
});

test('with jitter it takes longer', () => {
  const queuesMs = Array.from({ length: 41 }, (_, seed) => {
    const random = seeded(1000 + 77 * seed);
    return (tell((i) => 40 + 30 * random() + i * 20 * 0.425)[0]?.i ?? 1000) * 20 * 0.425;
  }).sort((a, b) => a - b);
  expect(queuesMs[20]).toBeLessThan(75);
});

test('a longer route, a machine that was held up, and clocks that differ are no queue', () => {
  for (let from = 1; from < 40; from++) {
    expect(tell((i) => (i < from ? 40 : 140))).toEqual([]);
    expect(tell((i) => 40 + (i < from ? 0 : Math.max(0, 200 - (i - from) * 20)))).toEqual([]);
  }
  expect(tell((i) => 40 + i * 20 * 5e-4)).toEqual([]);
});

test.each([
  ['loopback', 0.03],
  ['busy-loopback', 0.03],
])('what a machine does at the beginning is rarely taken for a queue: %s', (name, share) => {
  const file = new URL(`../../media/src/voice/traces/${name}.json`, import.meta.url);
  const { delaysMs } = JSON.parse(readFileSync(file, 'utf8')) as { delaysMs: string };
  const delays = delaysMs.split(' ').map(Number);
  const begins = Array.from({ length: 400 }, (_, begin) => 7 * begin);
  const wrong = begins.filter((begin) => tell((i) => delays[begin + i]!).length > 0);
  expect(wrong.length / begins.length).toBeLessThan(share);
});

test.each([
  [30, 0.03],
  [60, 0.1],
])('jitter up to %i ms is rarely taken for a queue', (jitterMs, share) => {
  const random = seeded(11);
  const calls = Array.from({ length: 500 }, () => tell(() => 40 + jitterMs * random()));
  expect(calls.filter((told) => told.length > 0).length / calls.length).toBeLessThan(share);
});

test('after the first second it tells nothing, until more is sent', () => {
  const queue = (i: number) => 40 + Math.max(0, i - 60) * 8;
  for (const isMore of [false, true]) {
    const trend = new FirstTrend();
    tell(() => 40, 60, trend);
    if (isMore) trend.beginAnew();
    expect(tell(queue, 40, trend, 60)).toHaveLength(isMore ? 1 : 0);
  }
});

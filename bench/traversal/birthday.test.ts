import { expect, it } from 'vitest';
import { type BirthdaySpray, evenly, hitAtMs, hitShares } from './birthday.ts';

const atOnce = (sockets: number): number[] => Array<number>(sockets).fill(0);

it('one port that is open among a hundred is hit when as many of them were probed', () => {
  const spray = { ports: 100, openAtMs: atOnce(1), probeAtMs: evenly(100, 1) };
  expect(hitShares(spray)[24]).toBeCloseTo(0.25);
  expect(hitAtMs(spray, 0.5)).toBe(490);
  expect(hitAtMs({ ...spray, probeAtMs: evenly(20, 1) }, 0.5)).toBe(Number.POSITIVE_INFINITY);
});

it('a probe that comes before its port is open is in vain', () => {
  const spray = { ports: 100, openAtMs: [500], probeAtMs: evenly(100, 1) };
  expect(hitShares(spray)[49]).toBe(0);
  expect(hitAtMs(spray, 0.25)).toBe(740);
});

it('agrees with sprays that are played', () => {
  const spray: BirthdaySpray = { ports: 2000, openAtMs: evenly(40, 4), probeAtMs: evenly(200, 5) };
  let seed = 7;
  const below = (limit: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * limit);
  };
  const distinct = (count: number): number[] => {
    const found = new Set<number>();
    while (found.size < count) found.add(below(2000));
    return [...found];
  };
  const played = 4000;
  let hits = 0;
  for (let round = 0; round < played; round++) {
    const openAtMs = new Map(distinct(40).map((port, index) => [port, spray.openAtMs[index]!]));
    if (distinct(200).some((port, index) => (openAtMs.get(port) ?? 1e9) <= spray.probeAtMs[index]!)) hits++;
  }
  expect(hits / played).toBeCloseTo(hitShares(spray).at(-1)!, 1);
});

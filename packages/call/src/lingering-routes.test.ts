import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LINGER_MS, LingeringRoutes, MAX_LINGERING } from './lingering-routes.ts';

it('listens to a route for a second after it was given up', () => {
  const lingering = new LingeringRoutes<string>();
  expect(lingering.deadline).toBe(Number.POSITIVE_INFINITY);
  lingering.add('a', 100);
  lingering.add('b', 400);
  expect(lingering.deadline).toBe(100 + LINGER_MS);
  expect(lingering.poll(99 + LINGER_MS)).toEqual([]);
  expect(lingering.all).toEqual(['a', 'b']);
  expect(lingering.poll(100 + LINGER_MS)).toEqual(['a']);
  expect(lingering.deadline).toBe(400 + LINGER_MS);
  expect(lingering.clear()).toEqual(['b']);
  expect(lingering.poll(10 * LINGER_MS)).toEqual([]);
});

it('lets the oldest go when there are too many', () => {
  const lingering = new LingeringRoutes<number>();
  for (let route = 0; route < MAX_LINGERING; route++) lingering.add(route, 0);
  expect(lingering.poll(0)).toEqual([]);
  lingering.add(MAX_LINGERING, 0);
  expect(lingering.deadline).toBe(0);
  expect(lingering.poll(0)).toEqual([0]);
  expect(lingering.deadline).toBe(LINGER_MS);
});

it('ends each once, in the order in which they were given up, and never late', () => {
  const steps = fc.array(fc.nat(600), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (pauses) => {
      const lingering = new LingeringRoutes<number>();
      const addedAtMs: number[] = [];
      const ended: number[] = [];
      let nowMs = 0;
      const advanceTo = (targetMs: number) => {
        while (lingering.deadline <= targetMs) {
          nowMs = Math.max(nowMs, lingering.deadline);
          for (const route of lingering.poll(nowMs)) {
            ended.push(route);
            const lasted = nowMs - addedAtMs[route]!;
            // Sooner only when others needed the place.
            if (lasted !== LINGER_MS) expect(addedAtMs.length - route).toBeGreaterThan(MAX_LINGERING);
            expect(lasted).toBeLessThanOrEqual(LINGER_MS);
          }
          expect(lingering.all.length).toBeLessThanOrEqual(MAX_LINGERING);
        }
        nowMs = targetMs;
      };
      for (const pauseMs of pauses) {
        advanceTo(nowMs + pauseMs);
        lingering.add(addedAtMs.push(nowMs) - 1, nowMs);
        advanceTo(nowMs);
      }
      advanceTo(nowMs + LINGER_MS);
      expect(ended).toEqual(addedAtMs.map((_, route) => route));
      expect(lingering.all).toEqual([]);
    }),
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coarseReport, type OwnFacts, ROOM_FOR_LOAD } from './coarse-report.ts';

const id = (index: number) => `n${index}`.padEnd(43, 'x');
const facts = (changes: Partial<OwnFacts> = {}): OwnFacts => ({
  draining: false,
  load: 0,
  room: 1000,
  carried: { relayUdp: 0, relayTcp: 0, overlay: 0 },
  neighbours: [],
  ...changes,
});

describe('what a supernode tells of itself', () => {
  it('does not show whether there are 0 or 9 calls, or whether one more has begun', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2000 }), (calls) => {
        const told = coarseReport(facts({ carried: { relayUdp: calls, relayTcp: 0, overlay: 0 } })).calls;
        expect(told.relayUdp % 10).toBe(0);
        expect(calls - told.relayUdp).toBeGreaterThanOrEqual(0);
        expect(calls - told.relayUdp).toBeLessThan(10);
      }),
    );
  });

  it('tells load in quarters, and none where a quarter would be fewer than ten calls', () => {
    const loads = [0, 0.24, 0.25, 0.5, 0.99, 1, 1.7].map((load) => coarseReport(facts({ load })).load);
    expect(loads).toEqual([0, 0, 1, 2, 3, 4, 4]);
    expect(coarseReport(facts({ load: 1, room: ROOM_FOR_LOAD - 1 })).load).toBeNull();
    expect(coarseReport(facts({ load: 1, room: ROOM_FOR_LOAD })).load).toBe(4);
  });

  it('tells of the 16 nearest neighbours that are linked and measured', () => {
    const neighbours = Array.from({ length: 30 }, (_, index) => ({
      id: id(index),
      linked: index !== 3,
      rttMs: index === 5 ? null : 100.4 - index,
      lossPct: 1.6,
    }));
    const { links } = coarseReport(facts({ neighbours }));
    expect(links).toHaveLength(16);
    expect(links[0]).toEqual({ to: id(29), rttMs: 71, lossPct: 2 });
    expect(links.map(({ to }) => to)).not.toContain(id(3));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idOf } from './links-world.test-support.ts';
import { MAX_ROWS } from './measurement-rows.ts';
import { MembershipSim } from './membership-sim.test-support.ts';
import { chooseNeighbours, NEIGHBOURS } from './neighbours.ts';
import { PeerMeter } from './peer-meter.ts';

/** Bytes a second of one supernode, both directions together, when all have just started, whatever their number: docs/overlay.md. */
const MAX_BYTES_PER_S = 64_000;

describe('the network of supernodes', () => {
  it.each([
    [50, 30],
    [300, 10],
  ])('of %d is connected, also when three in ten have died, and nobody has more to do than in a small one', (count, seconds) => {
    const sim = new MembershipSim(count, count);
    sim.run(seconds * 500);
    sim.resetBytes();
    sim.run(seconds * 500);
    expect(sim.connectedShare()).toBe(1);
    const { most, median } = sim.traffic(seconds * 500);
    expect(most).toBeLessThan(MAX_BYTES_PER_S);
    expect(median).toBeLessThan(MAX_BYTES_PER_S / 2);
    for (const { membership } of sim.nodes) {
      expect(membership.neighbours.size).toBe(NEIGHBOURS);
      expect(membership.rows.size).toBeLessThanOrEqual(MAX_ROWS);
    }
    sim.kill(sim.nodes.filter(() => sim.random.happens(30)));
    expect(sim.connectedShare()).toBe(1);
    sim.run(10_000);
    expect(sim.connectedShare()).toBe(1);
    const living = sim.living.map((node) => [...node.wants].filter((id) => sim.of(id).isUp).length);
    expect(Math.min(...living)).toBeGreaterThanOrEqual(NEIGHBOURS / 2);
  });

  it('measures what there is: every link of a dozen, within a minute', () => {
    const sim = new MembershipSim(12, 7);
    sim.lossOf = (a, b) => (a.index + b.index === 11 ? 5 : 0);
    sim.run(120_000);
    for (const node of sim.nodes)
      for (const a of sim.nodes)
        for (const b of sim.nodes) {
          if (a === b) continue;
          const found = node.membership.rows.find(idOf(a.index), idOf(b.index), sim.nowMs)!;
          expect(Math.abs(found.rttMs - sim.rttMs(a, b))).toBeLessThan(0.2);
          if (a.index + b.index !== 11) expect(found.lossPct).toBe(0);
        }
    const lossy = sim.nodes.map((a) => a.membership.prober.meter(idOf(11 - a.index))!.lossPct);
    const mean = lossy.reduce((sum, loss) => sum + loss) / lossy.length;
    expect(mean).toBeGreaterThan(3);
    expect(mean).toBeLessThan(7.5);
  });

  it('finds near neighbours among many', () => {
    const sim = new MembershipSim(100, 3);
    sim.run(60_000);
    const ranks = sim.nodes.map((node) => {
      const sorted = sim.nodes
        .filter((other) => other !== node)
        .sort((a, b) => sim.rttMs(node, a) - sim.rttMs(node, b));
      const nearest = new Set(sorted.slice(0, 20).map(({ index }) => idOf(index)));
      return [...node.wants].filter((id) => nearest.has(id)).length;
    });
    const mean = ranks.reduce((sum, each) => sum + each) / ranks.length;
    expect(mean).toBeGreaterThan(6);
  });

  it('takes a dead one back that answers again', () => {
    const sim = new MembershipSim(4, 1);
    sim.run(10_000);
    sim.kill([sim.nodes[3]!]);
    sim.run(20_000);
    for (const node of sim.living) expect(node.dead.has(idOf(3))).toBe(true);
    sim.revive(sim.nodes[3]!);
    sim.run(15_000);
    for (const node of sim.nodes) expect(node.dead.size).toBe(0);
  });
});

describe('choosing neighbours', () => {
  const ids = Array.from({ length: 100 }, (_, index) => idOf(index));
  const plan = fc.record({
    count: fc.nat(100),
    dead: fc.array(fc.nat(99)),
    near: fc.array(fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 300 })), { maxLength: 60 }),
    current: fc.array(fc.nat(99), { maxLength: 16 }),
  });

  it('takes as many as there may be, the living first, the nearest among them', () => {
    fc.assert(
      fc.property(plan, ({ count, dead, near, current }) => {
        const shuffled = ids.slice(0, count);
        const isDead = new Set(dead.map((index) => ids[index]!));
        const rtts = new Map(
          near.filter(([index]) => index < count).map(([index, rttMs]) => [ids[index]!, rttMs]),
        );
        const chosen = chooseNeighbours({
          shuffled,
          isAlive: (id) => !isDead.has(id),
          near: rtts,
          current: new Set(current.map((index) => ids[index]!)),
        });
        expect(chosen.size).toBe(Math.min(NEIGHBOURS, count));
        const alive = shuffled.filter((id) => !isDead.has(id));
        const living = [...chosen].filter((id) => !isDead.has(id)).length;
        expect(living).toBe(Math.min(NEIGHBOURS, alive.length));
        for (const [id, rttMs] of rtts) {
          if (isDead.has(id) || chosen.has(id)) continue;
          const nearer = [...rtts].filter(
            ([other, otherRttMs]) => chosen.has(other) && otherRttMs * 0.8 <= rttMs,
          );
          expect(nearer.length).toBeGreaterThanOrEqual(8);
        }
      }),
    );
  });
});

describe('a meter', () => {
  it('smooths, says loss in one direction, and notices silence and its end', () => {
    const meter = new PeerMeter();
    for (let i = 0; i < 500; i++) meter.handleSample(i % 10 === 0 ? null : 50, i * 4000);
    expect(meter.rttMs).toBeCloseTo(50);
    expect(meter.lossPct).toBeGreaterThan(3.5);
    expect(meter.lossPct).toBeLessThan(7);
    for (let i = 0; i < 3; i++) expect(meter.handleSample(null, 2_000_000)).toBe(false);
    expect(meter.isSilent).toBe(true);
    expect(meter.handleSample(60, 2_004_000)).toBe(true);
    expect(meter.isSilent).toBe(false);
  });

  it('stays within its bounds for any samples', () => {
    const sample = fc.tuple(fc.option(fc.integer({ min: 0, max: 1500 })), fc.nat(100_000));
    fc.assert(
      fc.property(fc.array(sample), (samples) => {
        const meter = new PeerMeter();
        let nowMs = 0;
        for (const [rttMs, afterMs] of samples) {
          nowMs += afterMs;
          meter.handleSample(rttMs, nowMs);
        }
        expect(meter.lossPct).toBeGreaterThanOrEqual(0);
        expect(meter.lossPct).toBeLessThanOrEqual(100);
        const answered = samples.flatMap(([rttMs]) => (rttMs === null ? [] : [rttMs]));
        if (answered.length === 0) expect(meter.rttMs).toBeNull();
        else expect(meter.rttMs).toBeLessThanOrEqual(Math.max(...answered) + 1e-9);
      }),
    );
  });
});

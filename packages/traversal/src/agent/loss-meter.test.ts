import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LossMeter } from './loss-meter.ts';

/** Counts as a path has them: a mark each `every` packets, of which some are lost. */
function measure(lost: (packet: number) => boolean, packets: number, { every = 12, from = 0 } = {}) {
  const meter = new LossMeter();
  let received = from;
  for (let packet = 0; packet <= packets; packet++) {
    if (packet % every === 0) meter.note((from + packet) >>> 0, received >>> 0, packet * 20);
    if (!lost(packet)) received++;
  }
  return meter;
}

describe('the loss of a path', () => {
  it('is unknown before there are two marks a few packets apart', () => {
    const meter = new LossMeter();
    meter.note(0, 0, 0);
    meter.note(4, 1, 80);
    expect(meter.lossPct).toBeNull();
    meter.note(6, 3, 120);
    expect(meter.lossPct).toBeGreaterThan(0);
  });

  it('is none where one packet is lost in two seconds, or two apart from each other', () => {
    expect(measure((packet) => packet === 60, 100).lossPct).toBe(0);
    expect(measure((packet) => packet === 20 || packet === 70, 100).lossPct).toBe(0);
  });

  it('shows a burst at once, and for two seconds', () => {
    const burst = (packet: number) => packet >= 60 && packet < 65;
    expect(measure(burst, 72).lossPct).toBeGreaterThan(3);
    expect(measure(burst, 150).lossPct).toBeGreaterThan(3);
    expect(measure(burst, 190).lossPct).toBe(0);
  });

  it('is close to what is lost, also when the counts wrap', () => {
    for (const from of [0, 2 ** 32 - 500])
      expect(measure((packet) => packet % 5 === 0, 1000, { from }).lossPct).toBeCloseTo(18.6, 0);
  });

  it('is forgotten when no audio has come for ten seconds, and starts anew after an outage', () => {
    const meter = measure((packet) => packet % 3 === 0, 200);
    meter.note(200, 140, 200 * 20 + 10_000);
    expect(meter.lossPct).toBeNull();
    const slept = measure(() => false, 96);
    slept.note(96 + 500, 96, 3000);
    expect(slept.lossPct).toBe(0);
  });

  it('is a share, whatever a peer counts', () => {
    const count = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(fc.array(fc.tuple(count, count, fc.nat(20_000))), (notes) => {
        const meter = new LossMeter();
        let nowMs = 0;
        for (const [sent, received, ms] of notes) {
          nowMs += ms;
          meter.note(sent, received, nowMs);
          expect(meter.lossPct ?? 0).toBeGreaterThanOrEqual(0);
          expect(meter.lossPct ?? 0).toBeLessThanOrEqual(100);
        }
      }),
    );
  });
});

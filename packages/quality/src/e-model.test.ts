import fc from 'fast-check';
import { expect, test } from 'vitest';
import { burstRatio, estimateMos, mosOf } from './e-model.ts';

/** Echo so weak that only absolute delay is left ("perfect echo control"). */
const NO_ECHO = { telrDb: 200, weplDb: 500 };

test('G.107 with its default values gives R = 93.2 and MOS 4.41', () => {
  const { r, mos } = estimateMos({ delayMs: 0, lossPct: 0 });
  expect(r).toBeCloseTo(93.2, 1);
  expect(mos).toBeCloseTo(4.41, 2);
});

// G.107, annex B, table B.1.
test.each([
  [90, 4.34],
  [80, 4.03],
  [70, 3.6],
  [60, 3.1],
  [50, 2.58],
])('R = %i is MOS %f', (r, mos) => {
  expect(Math.abs(mosOf(r) - mos)).toBeLessThan(0.011);
});

// Published bounds (Telektronikk, issue on Internet traffic engineering, "Controlling voice quality", table 3): the mean
// one-way delay at which a call without loss and with perfect echo control falls to R = 70, as on an old telephone network.
test.each([
  ['G.711', 0, 400],
  ['GSM-EFR', 5, 342],
  ['G.729', 10, 294],
  ['G.723.1 at 6.3 kbit/s', 15, 251],
  ['G.723.1 at 5.3 kbit/s', 19, 219],
  ['G.728 at 12.8 kbit/s', 20, 210],
])('%s without loss reaches R = 70 at its published delay', (_, ie, delayMs) => {
  const { r } = estimateMos({ delayMs, lossPct: 0, codec: { ie, bpl: 10 }, echo: NO_ECHO });
  expect(Math.abs(r - 70)).toBeLessThan(0.5);
});

// Computed by hand from G.107, 7.5: Ie = 11, Bpl = 19 (G.729A + VAD in G.113) at 2% loss: 11 + 84 * 2 / 21 = 19.
test('loss and bursts enter as the effective equipment impairment', () => {
  const codec = { ie: 11, bpl: 19 };
  const clean = estimateMos({ delayMs: 50, lossPct: 0, codec: { ie: 0, bpl: 19 } }).r;
  expect(clean - estimateMos({ delayMs: 50, lossPct: 2, codec }).r).toBeCloseTo(19, 9);
  const bursty = estimateMos({ delayMs: 50, lossPct: 2, burstRatio: 2, codec }).r;
  expect(clean - bursty).toBeCloseTo(11 + (84 * 2) / 20, 9);
});

// G.107, 7.5: Ie,eff = Ie + (95 - Ie) Ppl / (Ppl / BurstR + Bpl); the last column by hand, for Ie = 0 and Bpl = 10.
test.each([
  [1, 1, 8.6364],
  [5, 1, 31.6667],
  [5, 2, 38],
  [10, 4, 76],
  [20, 8, 152],
])('%f%% of loss at a burst ratio of %f costs the points of R that the formula says', (lossPct, ratio, cost) => {
  const codec = { ie: 0, bpl: 10 };
  const clean = estimateMos({ delayMs: 50, lossPct: 0, codec }).r;
  const { r } = estimateMos({ delayMs: 50, lossPct, burstRatio: ratio, codec });
  expect(r).toBeCloseTo(Math.max(0, clean - cost), 3);
});

// Two states, from found to lost with probability p and back with q: 1 / (p + q).
test.each([
  [0.05, 0.95, 1],
  [0.05, 0.45, 2],
  [0.025, 0.225, 4],
])('the burst ratio of losses that begin with %f and end with %f is %f', (p, q, expected) => {
  const of = 1e6;
  const lost = (of * p) / (p + q);
  expect(burstRatio({ lost, bursts: lost * q, of })).toBeCloseTo(expected, 6);
});

test('the burst ratio is one where nothing is lost, and stays within what G.107 permits', () => {
  expect(burstRatio({ lost: 0, bursts: 0, of: 50 })).toBe(1);
  expect(burstRatio({ lost: 50, bursts: 1, of: 50 })).toBe(1);
  expect(burstRatio({ lost: 40, bursts: 1, of: 400 })).toBe(8);
});

test('more delay or more loss never rates better by more than rounding, and stays on the scale', () => {
  const delay = fc.double({ min: 0, max: 3000, noNaN: true });
  const loss = fc.double({ min: 0, max: 100, noNaN: true });
  fc.assert(
    fc.property(delay, delay, loss, loss, (delayA, delayB, lossA, lossB) => {
      const better = estimateMos({ delayMs: Math.min(delayA, delayB), lossPct: Math.min(lossA, lossB) });
      const worse = estimateMos({ delayMs: Math.max(delayA, delayB), lossPct: Math.max(lossA, lossB) });
      expect(worse.mos).toBeLessThanOrEqual(better.mos + 0.01);
      for (const { r, mos } of [better, worse]) {
        expect(r >= 0 && r <= 100 && mos >= 1 && mos <= 4.5).toBe(true);
      }
    }),
  );
});

import type { ReceptionReport } from '@overcall/wire';
import { expect, test } from 'vitest';
import { RateControl } from './rate-control.ts';
import { payloadBytesOf, protectionFor, wireKbitPerS } from './send-mode.ts';

const report = (fields: Partial<ReceptionReport>): ReceptionReport => ({
  lossShare: 0,
  meanBurst: 0,
  queueMs: 0,
  kbitPerS: 46,
  ...fields,
});

/** The same report each 100 ms. */
function tell(control: RateControl, fields: Partial<ReceptionReport>, fromMs: number, toMs: number): void {
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 100) control.handleReport(report(fields), 80, nowMs);
}

test('every protection stays within 64 kbit/s of payload, whatever the loss', () => {
  for (let loss = 0; loss <= 1; loss += 0.005)
    for (let burst = 0; burst < 30; burst += 0.5) {
      const mode = protectionFor(loss, burst);
      expect((payloadBytesOf(mode) * 8) / (20 * mode.frames)).toBeLessThanOrEqual(64);
    }
});

test('redundancy follows loss and its bursts, and is gone when the path is clean', () => {
  const control = new RateControl();
  expect(control.mode).toMatchObject({ frames: 1, opusBytes: 60, copies: 0, fecPct: 0 });
  tell(control, { lossShare: 0.01, meanBurst: 1 }, 0, 1000);
  expect(control.mode).toMatchObject({ copies: 0, fecPct: 10 });
  tell(control, { lossShare: 0.03, meanBurst: 1 }, 1000, 2000);
  expect(control.mode).toMatchObject({ copies: 1, spacing: 1 });
  tell(control, { lossShare: 0.2, meanBurst: 1.25 }, 2000, 3000);
  expect(control.mode).toMatchObject({ copies: 3, spacing: 1 });
  tell(control, { lossShare: 0.1, meanBurst: 5 }, 3000, 4000);
  expect(control.mode).toMatchObject({ copies: 2, spacing: 4 });
  tell(control, {}, 4000, 8500);
  expect(control.mode.copies).toBe(2);
  tell(control, {}, 8500, 9500);
  expect(control.mode).toMatchObject({ opusBytes: 60, copies: 0, fecPct: 0 });
});

test('a queue makes it narrower at once than what arrives, and it comes back step by step', () => {
  const control = new RateControl();
  control.handleReport(report({ queueMs: 400, kbitPerS: 32 }), 80, 900);
  // For a moment it may be the machine.
  expect(control.mode.frames).toBe(1);
  control.handleReport(report({}), 80, 920);
  control.handleReport(report({ queueMs: 34, kbitPerS: 32 }), 80, 960);
  expect(control.mode.frames).toBe(1);
  control.handleReport(report({ queueMs: 40, kbitPerS: 32 }), 80, 1000);
  expect(wireKbitPerS(control.mode)).toBeLessThanOrEqual(0.8 * 32);
  const narrow = control.mode;
  // What was under way tells of a queue for a while.
  control.handleReport(report({ queueMs: 80, kbitPerS: 32 }), 80, 1200);
  expect(control.mode).toEqual(narrow);
  tell(control, {}, 1400, 5000);
  expect(control.mode).toEqual(narrow);
  tell(control, {}, 5000, 40_000);
  expect(control.mode.frames).toBe(1);
});

test.each([
  ['the widest', 40],
  ['a wider', 30],
])('a step up to %s that brings the queue back is tried less and less often', (_which, limitKbitPerS) => {
  const control = new RateControl();
  const triedAtMs: number[] = [];
  let wasWide = true;
  for (let nowMs = 0; nowMs < 900_000; nowMs += 100) {
    const isWide = wireKbitPerS(control.mode) > limitKbitPerS;
    if (isWide && !wasWide) triedAtMs.push(nowMs);
    wasWide = isWide;
    control.handleReport(report({ queueMs: isWide ? 50 : 0, kbitPerS: 0.8 * limitKbitPerS }), 80, nowMs);
  }
  expect(triedAtMs.filter((atMs) => atMs < 300_000).length).toBeLessThan(14);
  const [before, last] = triedAtMs.slice(-2);
  expect(last! - before!).toBeGreaterThanOrEqual(60_000);
});

test('loss with a queue is congestion: no copies then', () => {
  const control = new RateControl();
  tell(control, { lossShare: 0.1, meanBurst: 1, queueMs: 60, kbitPerS: 25 }, 0, 2000);
  expect(control.mode.copies).toBe(0);
  expect(wireKbitPerS(control.mode)).toBeLessThan(24);
});

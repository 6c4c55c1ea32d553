import type { ReceptionReport } from '@overcall/wire';
import { expect, test } from 'vitest';
import { type IncomingAudio, RateControl } from './rate-control.ts';
import { payloadBytesOf, protectionFor, wireKbitPerS } from './send-mode.ts';

const report = (fields: Partial<ReceptionReport>): ReceptionReport => ({
  lossShare: 0,
  meanBurst: 0,
  queueMs: 0,
  kbitPerS: 46,
  ...fields,
});

const seen = (fields: Partial<IncomingAudio>): IncomingAudio => ({
  queueMs: 0,
  firstGrowth: 0,
  isPeerNarrow: false,
  jitterMs: 0,
  ...fields,
});

/** The same report each 100 ms; what arrives is what is sent less what is lost. */
function tell(control: RateControl, fields: Partial<ReceptionReport>, fromMs: number, toMs: number): void {
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 100) {
    const kbitPerS = wireKbitPerS(control.mode) * (1 - (fields.lossShare ?? 0));
    control.handleReport(report({ kbitPerS, ...fields }), 80, nowMs);
  }
}

/** Reports of a link that lets so much through and drops the rest, until `toMs`; what was sent at each of them, kbit/s. */
function police(control: RateControl, limitKbitPerS: number, fromMs: number, toMs: number): number[] {
  const sent: number[] = [];
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 100) {
    const sentKbitPerS = wireKbitPerS(control.mode);
    const kbitPerS = Math.min(limitKbitPerS, sentKbitPerS);
    control.handleReport(
      report({ kbitPerS, meanBurst: 1, lossShare: 1 - kbitPerS / sentKbitPerS }),
      80,
      nowMs,
    );
    sent.push(sentKbitPerS);
  }
  return sent;
}

test('every protection stays within 64 kbit/s of payload, whatever the loss', () => {
  for (let loss = 0; loss <= 1; loss += 0.005)
    for (let burst = 0; burst < 30; burst += 0.5) {
      const mode = protectionFor(loss, burst);
      expect((payloadBytesOf(mode) * 8) / (20 * mode.frames)).toBeLessThanOrEqual(64);
    }
});

test('where pings were lost, copies protect the first word, and only that where audio is not lost', () => {
  const control = new RateControl();
  control.expectLoss(0.04, 0);
  expect(control.mode.copies).toBe(0);
  control.expectLoss(0.2, 0);
  expect(control.mode.copies).toBe(3);
  tell(control, {}, 100, 1400);
  expect(control.mode.copies).toBe(3);
  tell(control, {}, 1400, 1700);
  expect(control.mode).toMatchObject({ opusBytes: 60, copies: 0, fecPct: 0 });
  control.expectLoss(0.2, 1700);
  expect(control.mode.copies).toBe(0);
});

test('redundancy follows loss and its bursts, and is gone when the path is clean', () => {
  const control = new RateControl();
  expect(control.mode).toMatchObject({ frames: 1, copies: 0, fecPct: 0 });
  tell(control, { lossShare: 0.01, meanBurst: 1 }, 0, 1000);
  expect(control.mode).toMatchObject({ opusBytes: 60, copies: 0, fecPct: 0 });
  tell(control, { lossShare: 0.03, meanBurst: 1 }, 1000, 1500);
  expect(control.mode).toMatchObject({ copies: 1, spacing: 1 });
  tell(control, { lossShare: 0.06, meanBurst: 1 }, 1500, 2000);
  expect(control.mode).toMatchObject({ opusBytes: 48, copies: 2, spacing: 1 });
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
  control.handleReport(report({ queueMs: 20, kbitPerS: 32 }), 80, 960);
  expect(control.mode.frames).toBe(1);
  control.handleReport(report({ queueMs: 40, kbitPerS: 32 }), 80, 1000);
  expect(wireKbitPerS(control.mode)).toBeLessThanOrEqual(0.8 * 32);
  const narrow = control.mode;
  // What was under way tells of a queue for a while, and it takes time to drain.
  control.handleReport(report({ queueMs: 80, kbitPerS: 32 }), 80, 1200);
  control.handleReport(report({ queueMs: 30, kbitPerS: 24 }), 80, 1400);
  expect(control.mode).toEqual(narrow);
  tell(control, {}, 1500, 5000);
  expect(control.mode).toEqual(narrow);
  tell(control, {}, 5000, 40_000);
  expect(control.mode.frames).toBe(1);
});

test('a queue that does not drain asks for another step', () => {
  const control = new RateControl();
  tell(control, { queueMs: 60, kbitPerS: 20 }, 0, 3000);
  expect(wireKbitPerS(control.mode)).toBeLessThan(17);
});

test('a call begins with less, until the peer has reported for a while', () => {
  const control = new RateControl();
  expect(control.mode).toMatchObject({ frames: 1, opusBytes: 36, copies: 0 });
  tell(control, {}, 5000, 5300);
  expect(control.mode.opusBytes).toBe(36);
  tell(control, {}, 5300, 5500);
  expect(control.mode).toMatchObject({ frames: 1, opusBytes: 60, copies: 0 });
});

test.each([
  [0.1, 180],
  [0.5, 120],
  [3, 120],
])('a queue that grows by %f ms a ms from the first packet on makes it as narrow as both sides are carried, though not below 16 kbit/s', (firstGrowth, opusBytes) => {
  const control = new RateControl();
  control.handleIncoming(seen({ firstGrowth }), 1000);
  expect(control.mode).toMatchObject({ frames: 3, opusBytes });
});

test('where such a queue is not seen again, it is wide again soon; where the peer saw it too, it takes as long as ever', () => {
  for (const isPeerNarrow of [false, true]) {
    const control = new RateControl();
    control.handleIncoming(seen({ firstGrowth: 0.1 }), 1000);
    control.handleIncoming(seen({ isPeerNarrow }), 1020);
    tell(control, {}, 1100, 2600);
    expect(control.mode.frames).toBe(isPeerNarrow ? 3 : 1);
  }
});

test('packets that are lost need copies more than room for a queue that is only suspected', () => {
  const control = new RateControl();
  control.handleIncoming(seen({ firstGrowth: 0.1 }), 1000);
  tell(control, { lossShare: 0.1, meanBurst: 1 }, 1100, 1200);
  expect(control.mode).toMatchObject({ frames: 1, copies: 3 });
  control.handleIncoming(seen({ firstGrowth: 0.1 }), 1200);
  expect(control.mode).toMatchObject({ frames: 1, copies: 3 });
});

/** Narrower because of a queue of such a length, that was seen with such jitter, and gone 100 ms later. */
function narrowed(queueMs: number, jitterMs: number): RateControl {
  const control = new RateControl();
  control.handleIncoming(seen({ jitterMs }), 980);
  control.handleReport(report({ queueMs }), 80, 1000);
  control.handleIncoming(seen({ isPeerNarrow: true, jitterMs }), 1020);
  return control;
}

test.each([
  ['is soon taken for jitter', 60, 25, 1],
  ['is believed where it was longer than that', 100, 25, 3],
  ['is believed where there was no jitter', 60, 3, 3],
])('a queue that was told of, and is not seen again while packets are lost, %s', (_what, queueMs, jitterMs, frames) => {
  const control = narrowed(queueMs, jitterMs);
  tell(control, { lossShare: 0.2, meanBurst: 1 }, 1100, 1500);
  expect(control.mode.frames).toBe(frames);
  if (frames === 1) expect(control.mode.copies).toBe(3);
});

test('without loss a queue that may have been jitter is believed as ever, and so is one that comes back', () => {
  const quiet = narrowed(60, 25);
  tell(quiet, {}, 1100, 4900);
  expect(quiet.mode.frames).toBe(3);
  const again = narrowed(60, 25);
  tell(again, { lossShare: 0.2, meanBurst: 1 }, 1100, 1500);
  again.handleReport(report({ lossShare: 0.2, meanBurst: 1, queueMs: 60 }), 80, 1600);
  tell(again, { lossShare: 0.2, meanBurst: 1 }, 1700, 5000);
  expect(again.mode.frames).toBeGreaterThan(1);
});

test('a queue that comes back each time we become wide is believed, and widening is tried less and less often', () => {
  const control = narrowed(60, 25);
  const widenedAtMs: number[] = [];
  let wasWide = false;
  for (let nowMs = 1100; nowMs < 301_000; nowMs += 100) {
    const isWide = control.mode.frames === 1;
    if (isWide && !wasWide) widenedAtMs.push(nowMs);
    wasWide = isWide;
    control.handleReport(report({ lossShare: 0.2, meanBurst: 1, queueMs: isWide ? 60 : 0 }), 80, nowMs);
  }
  expect(widenedAtMs.length).toBeGreaterThan(1);
  expect(widenedAtMs.filter((atMs) => atMs < 61_000).length).toBeLessThan(5);
  expect(widenedAtMs.at(-1)! - widenedAtMs.at(-2)!).toBeGreaterThan(30_000);
});

test('what a policer lets through is no matter of jitter, though packets are lost besides', () => {
  const control = new RateControl();
  const sent: number[] = [];
  for (let nowMs = 0; nowMs < 120_000; nowMs += 100) {
    sent.push(wireKbitPerS(control.mode));
    // What is reported is half a second old.
    const sentKbitPerS = sent.at(-6) ?? sent[0]!;
    const kbitPerS = 0.94 * Math.min(33, sentKbitPerS);
    control.handleIncoming(seen({ jitterMs: 25 }), nowMs);
    control.handleReport(
      report({ kbitPerS, lossShare: 1 - kbitPerS / sentKbitPerS, meanBurst: 1 }),
      80,
      nowMs,
    );
  }
  expect(Math.max(...sent.slice(50))).toBeLessThan(46);
});

test('loss of pings takes back what may have been jitter, too', () => {
  for (const jitterMs of [3, 25]) {
    const control = new RateControl();
    control.handleIncoming(seen({ jitterMs }), 980);
    control.handleIncoming(seen({ firstGrowth: 0.1, jitterMs }), 1000);
    control.expectLoss(0.2, 1020);
    expect(control.mode.frames).toBe(jitterMs === 25 ? 1 : 3);
  }
});

test('a queue seen in what comes makes packets longer and costs no quality', () => {
  const control = new RateControl();
  control.handleIncoming(seen({ queueMs: 20 }), 900);
  expect(control.mode.frames).toBe(1);
  for (let nowMs = 1000; nowMs < 3000; nowMs += 20) control.handleIncoming(seen({ queueMs: 40 }), nowMs);
  expect(control.mode).toMatchObject({ frames: 3, opusBytes: 180 });
});

test.each([
  24, 32, 40,
])('where more than %i kbit/s is dropped, that is found within seconds and kept to', (limit) => {
  const control = new RateControl();
  const sent = police(control, limit, 0, 60_000);
  expect(Math.max(...sent.slice(25, 150))).toBeLessThanOrEqual(limit);
  // What is tried later is one step at a time, and given up soon.
  expect(sent.slice(25).filter((kbitPerS) => kbitPerS > limit).length).toBeLessThan(80);
  expect(Math.max(...sent.slice(25))).toBeLessThan(46);
  tell(control, {}, 60_000, 300_000);
  expect(control.mode).toMatchObject({ frames: 1, opusBytes: 60, copies: 0 });
});

test('loss that stays when less is sent was no policer, and is protected against again', () => {
  const control = new RateControl();
  tell(control, { lossShare: 0.05, meanBurst: 1 }, 0, 400);
  // By chance loss grows as copies are added.
  tell(control, { lossShare: 0.5, meanBurst: 1.5 }, 400, 3000);
  tell(control, { lossShare: 0.3, meanBurst: 1.3 }, 3000, 5000);
  expect(control.mode).toMatchObject({ copies: 3 });
  tell(control, { lossShare: 0.3, meanBurst: 1.3 }, 5000, 60_000);
  expect(control.mode).toMatchObject({ copies: 3 });
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

test('loss besides, where longer packets are enough, is met with a copy that makes none of them larger', () => {
  const control = new RateControl();
  for (let nowMs = 1000; nowMs < 1500; nowMs += 20) control.handleIncoming(seen({ queueMs: 40 }), nowMs);
  const before = control.mode;
  expect(before).toMatchObject({ frames: 3, opusBytes: 180, copies: 0 });
  tell(control, { lossShare: 0.03, meanBurst: 1 }, 1500, 2500);
  expect(control.mode).toEqual(before);
  tell(control, { lossShare: 0.1, meanBurst: 1 }, 2500, 3500);
  expect(control.mode).toMatchObject({ frames: 3, opusBytes: 86, copies: 1 });
  expect(payloadBytesOf(control.mode)).toBe(payloadBytesOf(before));
});

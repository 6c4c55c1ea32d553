import { expect, test } from 'vitest';
import { ReceptionMonitor } from './reception-report.ts';

/** A packet of 86 bytes each 20 ms, that takes `delayMs(i)`, or is lost where that is null. */
function receive(
  monitor: ReceptionMonitor,
  from: number,
  to: number,
  delayMs: (i: number) => number | null,
): number {
  let nowMs = 0;
  for (let i = from; i < to; i++) {
    const delay = delayMs(i);
    if (delay === null) continue;
    nowMs = i * 20 + delay;
    monitor.handlePacket(i, 86, 'a', nowMs);
    monitor.handleAudio((i + 1) & 0xffff, nowMs);
  }
  return nowMs;
}

test('a clean path has no loss and no queue, at the rate that arrives', () => {
  const monitor = new ReceptionMonitor();
  expect(monitor.isDue(0)).toBe(false);
  const nowMs = receive(monitor, 0, 500, () => 30);
  const { lossShare, meanBurst, queueMs, kbitPerS } = monitor.take(nowMs);
  expect({ lossShare, meanBurst, queueMs }).toEqual({ lossShare: 0, meanBurst: 0, queueMs: 0 });
  expect(kbitPerS).toBeCloseTo(45.6, 0);
  expect(monitor.isDue(nowMs + 90)).toBe(false);
  expect(monitor.isDue(nowMs + 100)).toBe(true);
});

test('loss and its bursts are those of the last two seconds', () => {
  const monitor = new ReceptionMonitor();
  const single = receive(monitor, 0, 400, (i) => (i % 10 === 5 ? null : 30));
  expect(monitor.lossShare).toBeCloseTo(0.1, 5);
  expect(monitor.take(single).lossShare).toBeCloseTo(0.1, 5);
  expect(monitor.take(single).meanBurst).toBe(1);
  const bursts = receive(monitor, 400, 700, (i) => (i % 50 < 5 ? null : 30));
  expect(monitor.take(bursts)).toMatchObject({ lossShare: 0.1, meanBurst: 5 });
  expect(monitor.take(receive(monitor, 700, 900, () => 30)).lossShare).toBe(0);
});

test('a queue shows within 150 ms, is urgent, and jitter is none', () => {
  const monitor = new ReceptionMonitor();
  let seed = 3;
  const random = () => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647;
  };
  let most = 0;
  for (let i = 0; i < 500; i++) {
    const nowMs = i * 20 + 30 + 60 * random();
    monitor.handlePacket(i, 86, 'a', nowMs);
    monitor.handleAudio(i + 1, nowMs);
    if (i > 50) most = Math.max(most, monitor.queueMs(nowMs));
  }
  expect(most).toBeLessThan(32);
  const steady = new ReceptionMonitor();
  receive(steady, 0, 100, () => 30);
  const nowMs = receive(steady, 100, 112, (i) => 30 + (i - 99) * 13);
  expect(steady.queueMs(nowMs)).toBeGreaterThan(32);
  steady.take(nowMs);
  expect(steady.isDue(nowMs + 40)).toBe(true);
});

test('a queue from the first packet on is told of once, and again where the peer sends more; where packets are lost, it is not', () => {
  const growing = (lossy: boolean) => (i: number) => (lossy && i % 4 === 1 ? null : 30 + i * 8);
  for (const lossy of [false, true]) {
    const monitor = new ReceptionMonitor();
    const nowMs = receive(monitor, 0, 20, growing(lossy));
    if (lossy) expect(monitor.takeIncoming(nowMs).firstGrowth).toBe(0);
    else expect(monitor.takeIncoming(nowMs).firstGrowth).toBeCloseTo(0.4, 1);
    expect(monitor.takeIncoming(nowMs).firstGrowth).toBe(0);
  }
  const monitor = new ReceptionMonitor();
  receive(monitor, 0, 100, () => 30);
  let last = 0;
  for (let i = 100; i < 115; i++) {
    last = i * 20 + 30 + (i - 100) * 8;
    monitor.handlePacket(i, 110, 'a', last);
    monitor.handleAudio(i + 1, last);
  }
  const again = monitor.takeIncoming(last);
  expect(again.firstGrowth).toBeGreaterThan(0.1);
  expect(again.isPeerNarrow).toBe(false);
  const narrow = new ReceptionMonitor();
  narrow.handlePacket(0, 200, 'a', 0);
  narrow.handleAudio(3, 0, 3);
  narrow.handlePacket(1, 30, 'a', 20);
  narrow.handleAudio(4, 20, 0);
  expect(narrow.takeIncoming(20).isPeerNarrow).toBe(true);
});

test('what varies tells of jitter, about its standard deviation, and what comes evenly of none', () => {
  for (const [varies, atLeast, atMost] of [
    [0, 0, 0],
    [60, 12, 30],
  ] as const) {
    const monitor = new ReceptionMonitor();
    const nowMs = receive(monitor, 0, 100, (i) => 30 + ((i * 37) % 61) * (varies / 60));
    const { jitterMs } = monitor.takeIncoming(nowMs);
    expect(jitterMs).toBeGreaterThanOrEqual(atLeast);
    expect(jitterMs).toBeLessThanOrEqual(atMost);
  }
});

test('another path has delays of its own, and longer packets no queue', () => {
  const monitor = new ReceptionMonitor();
  receive(monitor, 0, 100, () => 30);
  for (let i = 100; i < 120; i++) {
    const nowMs = i * 20 + 130;
    monitor.handlePacket(i, 86, 'b', nowMs);
    monitor.handleAudio(i + 1, nowMs);
    expect(monitor.queueMs(nowMs)).toBeLessThan(5);
  }
});

test('a packet that comes seconds late does not make a newer one lost', () => {
  const monitor = new ReceptionMonitor();
  const nowMs = receive(monitor, 0, 500, (i) => (i === 200 ? null : 30));
  // Its place has been taken by number 456.
  monitor.handlePacket(200, 86, 'a', nowMs);
  expect(monitor.take(nowMs).lossShare).toBe(0);
});

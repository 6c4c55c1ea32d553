import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numbers, packet, play, seeded, stream } from './jitter-buffer.test-support.ts';
import { JitterBuffer } from './jitter-buffer.ts';

test('frames without jitter play in order, each within 40 ms, and nothing is made up', () => {
  for (const startMs of [0, 3, 7, 11, 15, 19]) {
    const { played, moments, buffer } = play(stream(500), 10_000, { startMs });
    expect(played.slice(0, 480)).toEqual(numbers(0, 480));
    const playing = moments.slice(moments.findIndex(({ kind }) => kind === 'frame'));
    expect(Math.max(...playing.map(({ delayMs }) => delayMs))).toBeLessThanOrEqual(40);
    expect(buffer.stats).toMatchObject({ lostFrames: 0, lateFrames: 0, skippedFrames: 0 });
    expect(playing.filter(({ atMs }) => atMs < 10_000).every(({ kind }) => kind === 'frame')).toBe(true);
  }
});

test('a packet that is late now and then leaves the delay of a clean path within 40 ms, and costs itself only', () => {
  for (const startMs of [3, 7, 15])
    for (const lateMs of [60, 200]) {
      const arrivals = stream(1500, (n) => (n % 300 === 299 ? 30 + lateMs : 30));
      const { moments, buffer } = play(arrivals, 29_800, { startMs });
      const playing = moments.slice(moments.findIndex(({ kind }) => kind === 'frame'));
      expect(Math.max(...playing.map(({ delayMs }) => delayMs))).toBeLessThanOrEqual(40);
      expect(playing.filter(({ kind }) => kind !== 'frame')).toHaveLength(4);
      expect(buffer.stats.lostFrames).toBe(4);
    }
});

test('the delay follows jitter up, so that hardly anything is late, and down again', () => {
  const random = seeded(5);
  const jitter = (n: number) => (n >= 500 && n < 1500 ? 30 + 80 * random() : 30);
  const { moments, buffer } = play(stream(2500, jitter), 50_000);
  const before = moments.filter(({ atMs }) => atMs > 5000 && atMs < 9500);
  const during = moments.filter(({ atMs }) => atMs > 14_000 && atMs < 29_000);
  const after = moments.filter(({ atMs }) => atMs > 38_000);
  expect(Math.max(...before.map(({ delayMs }) => delayMs))).toBeLessThan(40);
  expect(during.filter(({ kind }) => kind !== 'frame').length).toBeLessThan(during.length * 0.01);
  expect(Math.max(...during.map(({ delayMs }) => delayMs))).toBeLessThan(130);
  expect(Math.max(...after.map(({ delayMs }) => delayMs))).toBeLessThan(40);
  // Shrinking left nothing out.
  expect(buffer.stats.skippedFrames).toBe(0);
  expect(buffer.stats.lostFrames).toBeLessThan(12);
});

test.each([
  ['longer by 100 ms', 30, 130],
  ['shorter by 100 ms', 130, 30],
  ['longer by 250 ms', 30, 280],
  ['shorter by 250 ms', 280, 30],
])('a path that becomes %s costs no more sound than that, and the delay settles', (_, beforeMs, afterMs) => {
  const { moments, buffer } = play(
    stream(1000, (n) => (n < 400 ? beforeMs : afterMs)),
    20_000,
  );
  const made = moments.filter(({ kind, atMs }) => kind !== 'frame' && atMs > 1000 && atMs < 19_800);
  expect(made.length * 20).toBeLessThanOrEqual(Math.max(0, afterMs - beforeMs) + 40);
  expect(buffer.stats).toMatchObject({ lostFrames: 0, skippedFrames: 0, lateFrames: 0 });
  expect(
    moments.filter(({ atMs }) => atMs > 16_000 && atMs < 19_800).every(({ delayMs }) => delayMs < 40),
  ).toBe(true);
});

test('a lost frame is given up when the next one is there, which may hold it', () => {
  const { moments, buffer, played } = play(
    stream(200, (n) => 30 + (n % 7) * 3).filter(({ number }) => number !== 100),
    3800,
  );
  expect(played).not.toContain(100);
  expect(buffer.stats.lostFrames).toBe(1);
  expect(moments.filter(({ kind, atMs }) => kind !== 'frame' && atMs > 1000)).toHaveLength(1);
});

test('a burst of loss costs its own length, and the delay is back after it', () => {
  const { moments, buffer } = play(
    stream(500).filter(({ number }) => number < 200 || number >= 210),
    9800,
  );
  expect(buffer.stats.lostFrames).toBe(10);
  expect(moments.filter(({ kind, atMs }) => kind !== 'frame' && atMs > 1000).length).toBeLessThanOrEqual(11);
  expect(moments.at(-1)!.delayMs).toBeLessThan(40);
});

test('copies in later packets are waited for and used, and no more once the sender stops', () => {
  const random = seeded(9);
  const arrivals = stream(1000)
    .map((arrival) => ({
      ...arrival,
      copies: arrival.number < 700 ? [1, 2, 3].map((d) => arrival.number - d) : [],
    }))
    .filter(({ number }) => number >= 700 || random() > 0.2);
  const { buffer, moments } = play(arrivals, 19_800);
  // 0.2^4 of 700 frames are 1.
  expect(buffer.stats.lostFrames).toBeLessThan(6);
  const during = moments.filter(({ atMs }) => atMs > 3000 && atMs < 13_000);
  expect(Math.max(...during.map(({ delayMs }) => delayMs))).toBeLessThan(110);
  expect(moments.at(-1)!.delayMs).toBeLessThan(40);
});

/** Nothing comes for so long, and then all of it at once. */
const heldUp = (fromMs: number, forMs: number) =>
  stream(1000).map((arrival) => ({
    ...arrival,
    atMs: arrival.atMs > fromMs && arrival.atMs < fromMs + forMs ? fromMs + forMs : arrival.atMs,
  }));

test.each([
  300, 700, 1500, 1900,
])('what a path holds up for %i ms is heard in full, later and faster, and the delay is made good', (forMs) => {
  for (const startMs of [3, 11, 19]) {
    const { moments, played, buffer } = play(heldUp(5000, forMs), 19_800, { startMs });
    expect(played).toEqual(numbers(0, played.length));
    expect(buffer.stats).toMatchObject({ lostFrames: 0, skippedFrames: 0, resyncs: 0 });
    expect(moments.find(({ atMs }) => atMs > 5000 + 3 * forMs + 6000)!.delayMs).toBeLessThan(60);
  }
});

test('of what a path holds up for 6 s the last two are heard', () => {
  const { played, moments } = play(heldUp(5000, 6000), 19_800);
  const first = played.find((number, i) => number > played[i - 1]! + 1)!;
  // Held up are 249 to 549.
  expect(first).toBeGreaterThan(549 - 116);
  expect(first).toBeLessThan(549 - 96);
  expect(moments.at(-1)!.delayMs).toBeLessThan(60);
});

test('what was played before a path was silent is not played again, though the first packet after it repeats it', () => {
  const arrivals = stream(300)
    .map((arrival) => ({ ...arrival, copies: [1, 2, 3].map((d) => arrival.number - d) }))
    .filter(({ number }) => number < 100 || number >= 102)
    .map((arrival) => (arrival.number < 102 ? arrival : { ...arrival, atMs: arrival.atMs + 800 }));
  const { played } = play(arrivals, 6600);
  expect(played).toEqual(numbers(0, played.length));
});

test('late frames and copies are told apart', () => {
  const arrivals = stream(300);
  arrivals[100]!.atMs += 300;
  const again = [150, 151].map((n) => ({ number: n, atMs: arrivals[n]!.atMs + 200 }));
  const { buffer } = play([...arrivals, ...again], 5900);
  expect(buffer.stats).toMatchObject({ lateFrames: 1, duplicateFrames: 2, lostFrames: 1 });
});

test('after a long silence playing begins again at once with what is new', () => {
  const after = stream(100, () => 30, 300).map((arrival) => ({ ...arrival, atMs: arrival.atMs + 6000 }));
  const { moments, played } = play([...stream(50), ...after], 7900);
  expect(played).toEqual([...numbers(0, 50), ...numbers(300, played.at(-1)! + 1)]);
  const firstAtMs = moments.find(({ number }) => number === 300)!.atMs;
  expect(firstAtMs).toBeLessThan(6030 + 60);
});

test.each([
  40_000, 70, -60, -30_000, 3, -3,
])('numbers that jump by %i are followed within a second', (jump) => {
  const arrivals = stream(1000, undefined, 50_000).map((arrival, i) =>
    i < 300 ? arrival : { ...arrival, number: arrival.number + jump },
  );
  const { moments, mostKept } = play(arrivals, 19_800);
  const second = moments.filter(({ atMs }) => atMs > 300 * 20 + 1030 && atMs < 19_500);
  expect(second.every(({ kind }) => kind === 'frame')).toBe(true);
  expect(moments.at(-1)!.delayMs).toBeLessThan(150);
  expect(mostKept).toBeLessThan(100);
});

test('one stray number changes nothing', () => {
  for (const stray of [10, 44, 5000, -40, -5000]) {
    const arrivals = stream(500, undefined, 10_000);
    arrivals.push({ number: 10_000 + 250 + stray, atMs: arrivals[250]!.atMs + 1 });
    const { moments, buffer } = play(arrivals, 9900);
    expect(moments.filter(({ kind, atMs }) => kind !== 'frame' && atMs > 1000).length).toBeLessThan(6);
    expect(buffer.stats.resyncs).toBe(0);
  }
});

test('whatever comes, what is kept stays bounded, and an honest sender is heard again within a second', () => {
  const arrival = fc.record({
    number: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 2 ** 40 })),
    atMs: fc.integer({ min: 0, max: 2000 }),
    copies: fc.array(fc.integer({ min: -5, max: 200 }), { maxLength: 8 }),
  });
  fc.assert(
    fc.property(
      fc.array(arrival, { maxLength: 200 }),
      fc.integer({ min: 0, max: 100_000 }),
      (arrivals, first) => {
        const honest = stream(200, () => 2030, first);
        const { mostKept, moments } = play([...arrivals, ...honest], 6000);
        expect(mostKept).toBeLessThanOrEqual(150);
        const heard = moments.filter(({ atMs }) => atMs > 3060 && atMs < 5900);
        expect(heard.filter(({ kind }) => kind === 'frame').length).toBeGreaterThan(heard.length * 0.97);
      },
    ),
    { numRuns: 100 },
  );
});

test('while nobody plays, what is kept stays bounded, too', () => {
  const buffer = new JitterBuffer();
  for (const number of numbers(0, 1000))
    buffer.push({ number, frames: 1, opus: packet(number), copies: [], hasFec: false }, 5);
  expect(buffer.keptPackets).toBe(150);
});

test('ten frames in a row that come too late begin anew there: what was played before was ahead of the sender', () => {
  // Numbers go back by 40, which is no jump yet.
  const again = stream(100, () => 30, 60).map(({ number, atMs }) => ({ number, atMs: atMs + 2000 }));
  const { moments } = play([...stream(100), ...again], 3500);
  const heard = moments.filter(({ atMs }) => atMs > 2400 && atMs < 2800);
  expect(heard.filter(({ kind }) => kind === 'frame').length).toBeGreaterThan(heard.length * 0.8);
});

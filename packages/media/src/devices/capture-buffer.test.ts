import { describe, expect, test } from 'vitest';
import { CaptureBuffer } from './capture-buffer.ts';

const BLOCK = 480;
const TONE = Int16Array.from({ length: BLOCK }, (_, i) => 8000 * Math.sin((2 * Math.PI * i) / 48));

interface Device {
  /** How much faster than our clock it runs, parts per million. */
  ppm: number;
  seconds: number;
  /** Delay of the block due at this time, ms. */
  lateMs?(dueMs: number): number;
}

/** A device that delivers 10 ms blocks of a tone, and a call that takes a frame every 20 ms. */
function run({ ppm, seconds, lateMs = () => 0 }: Device) {
  const buffer = new CaptureBuffer();
  const blockMs = 10 / (1 + ppm / 1e6);
  let blocks = 0;
  const waiting: number[] = [];
  const late = (i: number) => i * blockMs + lateMs(i * blockMs);
  for (let frame = 0; frame < seconds * 50; frame++) {
    // Blocks never overtake each other.
    for (; late(blocks) <= frame * 20; blocks++) buffer.push(TONE);
    buffer.pull();
    waiting.push(buffer.waitingMs);
  }
  return { buffer, waiting };
}

test.each([
  -500, -50, 0, 50, 500,
])('a device that is off by %d ppm neither runs dry nor piles up in a minute', (ppm) => {
  const { buffer, waiting } = run({ ppm, seconds: 60 });
  expect(buffer.stats.missingFrames).toBeLessThan(5);
  expect(buffer.stats.droppedSamples).toBe(0);
  expect(Math.max(...waiting.slice(500))).toBeLessThan(45);
});

test('after a stall of half a second the delay is what it was', () => {
  const { buffer, waiting } = run({
    ppm: 0,
    seconds: 20,
    lateMs: (dueMs) => (dueMs > 5000 && dueMs < 5500 ? 5500 - dueMs : 0),
  });
  expect(buffer.stats.missingFrames).toBeGreaterThan(20);
  expect(buffer.stats.missingFrames).toBeLessThan(30);
  expect(waiting.at(-1)).toBeLessThan(40);
});

test('on a machine that is often late it waits longer, and then runs dry no more', () => {
  const lateMs = (dueMs: number) => (dueMs % 1000 < 40 ? 40 - (dueMs % 1000) : 0);
  const { buffer: short } = run({ ppm: 0, seconds: 5, lateMs });
  const { buffer: long } = run({ ppm: 0, seconds: 60, lateMs });
  expect(short.stats.missingFrames).toBeGreaterThan(2);
  expect(long.stats.missingFrames).toBeLessThan(20);
});

describe('after a wait of more than half a second', () => {
  const STEP_MS = 100;
  const LOUDNESS = 1000;
  /** Steps of loudness, which tell when something was said. */
  const block = (i: number) => {
    const step = 1 + (Math.floor((i * 10) / STEP_MS) % 20);
    return Int16Array.from({ length: BLOCK }, (_, n) => step * LOUDNESS * Math.sin((2 * Math.PI * n) / 48));
  };
  const stepOf = (frame: Int16Array) =>
    Math.round(frame.reduce((most, s) => Math.max(most, s), 0) / LOUDNESS);

  test.each([
    ['the device delivers nothing', 600, 20],
    ['the device delivers nothing', 1500, 20],
    ['the call skips frames', 1500, 0],
  ])('in which %s, for %i ms, everything that was said is heard, in order', (_, forMs, everyMs) => {
    const buffer = new CaptureBuffer();
    const heard: number[] = [];
    let blocks = 0;
    for (let ms = 0; ms < 12_000; ms += 20) {
      const isWaiting = ms >= 3000 && ms < 3000 + forMs;
      for (; !isWaiting && blocks * 10 <= ms; blocks++) buffer.push(block(blocks));
      if (isWaiting && everyMs === 0) continue;
      const step = stepOf(buffer.pull());
      if (step > 0 && step !== heard.at(-1)) heard.push(step);
    }
    // Between two steps a frame may hold both, which is the louder one.
    expect(heard).toEqual(heard.map((_, i) => 1 + (i % 20)));
    expect(heard.length).toBeGreaterThanOrEqual(118);
    expect(buffer.stats.droppedSamples).toBe(0);
    expect(buffer.waitingMs).toBeLessThan(55);
  });
});

describe('a call that is held up', () => {
  /** Takes no frame from `fromMs` on for so long; what the device delivers meanwhile is read `readMs` later. */
  function heldUp(fromMs: number, forMs: number, readMs: number) {
    const buffer = new CaptureBuffer();
    const taken: number[] = [];
    let [blocks, due] = [0, 0];
    for (let ms = 0; ms < 10_000; ms += 5) {
      const isHeldUp = ms >= fromMs && ms < fromMs + forMs + readMs;
      for (; !isHeldUp && blocks * 10 <= ms; blocks++) buffer.push(new Int16Array(BLOCK).fill(1 + blocks));
      if (ms % 20 === 0) due++;
      if (ms >= fromMs && ms < fromMs + forMs) continue;
      for (; due > 0 && !buffer.isLate(due); due--) taken.push(buffer.pull()[480]!);
    }
    return { buffer, taken };
  }
  /** By how many blocks of 10 ms each frame is further than the one before. */
  const steps = (taken: number[]) => taken.slice(1).map((block, i) => block - taken[i]!);

  test.each([
    [40, 0],
    [100, 20],
    [300, 5],
    [460, 40],
  ])('for %i ms loses nothing, when what came meanwhile is read %i ms later', (forMs, readMs) => {
    const { buffer, taken } = heldUp(5000, forMs, readMs);
    expect(buffer.stats.missingFrames).toBeLessThan(3);
    expect(buffer.stats.droppedSamples).toBe(0);
    // Two; stretched a little, one may be a block more or less. What is left out would make it four and more.
    const all = steps(taken.filter((block) => block > 0));
    expect(Math.min(...all)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...all)).toBeLessThanOrEqual(3);
    expect(buffer.waitingMs).toBeLessThan(45);
  });

  test('waits for nothing that does not come', () => {
    const { buffer, taken } = heldUp(5000, 100, 2000);
    expect(taken.filter((block) => block === 0).length).toBeGreaterThan(80);
    expect(taken.length).toBe(500);
    expect(buffer.waitingMs).toBeLessThan(60);
  });

  test('keeps 2 s at most while nothing is taken, and has made up for that 4 s later', () => {
    const buffer = new CaptureBuffer();
    for (let i = 0; i < 1000; i++) buffer.push(new Int16Array(BLOCK));
    expect(buffer.waitingMs).toBeLessThanOrEqual(2000);
    for (let frame = 0; frame < 200; frame++) {
      buffer.pull();
      for (let i = 0; i < 2; i++) buffer.push(new Int16Array(BLOCK));
    }
    expect(buffer.waitingMs).toBeLessThan(55);
  });
});

test('sound that is taken is what was delivered', () => {
  const buffer = new CaptureBuffer();
  const ramp = Int16Array.from({ length: BLOCK }, (_, i) => i);
  for (let i = 0; i < 4; i++) buffer.push(ramp);
  const frame = buffer.pull();
  expect([...frame.subarray(2, 480)]).toEqual([...ramp.subarray(0, 478)]);
});

test('a device that was opened anew starts with nothing', () => {
  const buffer = new CaptureBuffer();
  for (let i = 0; i < 4; i++) buffer.push(new Int16Array(BLOCK).fill(5));
  buffer.reset();
  expect(buffer.waitingMs).toBe(0);
  expect(buffer.pull().some((sample) => sample !== 0)).toBe(false);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FramePacer } from './pacer.ts';

test('the first frame is due at the start, the next 20 ms later', () => {
  const pacer = new FramePacer(1000);
  expect(pacer.due(999)).toBe(0);
  expect(pacer.due(1000)).toBe(1);
  expect(pacer.due(1019.9)).toBe(0);
  expect(pacer.nextAt).toBe(1020);
});

test('a late timer catches up, and the grid stays where it was', () => {
  const pacer = new FramePacer(0);
  expect(pacer.due(0)).toBe(1);
  expect(pacer.due(109)).toBe(5);
  expect(pacer.nextAt).toBe(120);
});

test('after a suspend there is one frame instead of a burst', () => {
  const pacer = new FramePacer(0);
  expect(pacer.due(0)).toBe(1);
  expect(pacer.due(10_005)).toBe(1);
  expect(pacer.skippedFrames).toBe(499);
  expect(pacer.nextAt).toBe(10_020);
});

test('whatever the timer does below the suspend limit, no frame is lost or too many', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 400, noNaN: true }), { maxLength: 300 }), (delays) => {
      const pacer = new FramePacer(500);
      let nowMs = 500;
      let frames = pacer.due(nowMs);
      for (const delayMs of delays) {
        nowMs += delayMs;
        frames += pacer.due(nowMs);
        expect(frames).toBe(Math.floor((nowMs - 500) / 20) + 1);
      }
      expect(pacer.skippedFrames).toBe(0);
    }),
  );
});

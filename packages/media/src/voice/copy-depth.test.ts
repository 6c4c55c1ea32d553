import { expect, test } from 'vitest';
import { CopyDepth } from './copy-depth.ts';

const opus = new Uint8Array(0);
const packet = (number: number, distances: number[] = [], frames = 1, hasFec = false) => ({
  ...{ number, frames, opus, hasFec },
  copies: distances.map((distance) => ({ number: number - distance, frames, opus })),
});

test.each([
  [packet(100), 0],
  [packet(100, [1]), 1],
  [packet(100, [1, 2, 3]), 3],
  [packet(100, [], 1, true), 1],
  [packet(100, [], 3), 2],
  [packet(100, [], 3, true), 5],
  [packet(100, [3], 3), 5],
  [packet(100, [4, 21]), 4],
])('what a packet brings again is waited for: %#', (audio, frames) => {
  const depth = new CopyDepth();
  depth.note(audio, 0);
  expect(depth.frames).toBe(frames);
});

test('a depth lasts a second after the last packet that showed it', () => {
  const depth = new CopyDepth();
  depth.note(packet(100, [5]), 0);
  depth.note(packet(120, [5]), 500);
  depth.note(packet(150), 1499);
  expect(depth.frames).toBe(5);
  depth.note(packet(151), 1500);
  expect(depth.frames).toBe(0);
});

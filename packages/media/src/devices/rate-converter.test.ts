import { expect, test } from 'vitest';
import { RateConverter } from './rate-converter.ts';

const RATE = 48_000;

function tone(samples: number, hz: number): Int16Array {
  return Int16Array.from({ length: samples }, (_, i) => 10_000 * Math.sin((2 * Math.PI * hz * i) / RATE));
}

function convertInBlocks(input: Int16Array, ratio: number, block: number): Int16Array {
  const converter = new RateConverter();
  const out: number[] = [];
  for (let at = 0; at < input.length; at += block)
    out.push(...converter.convert(input.subarray(at, at + block), ratio));
  return Int16Array.from(out);
}

test('at the same rate sound passes unchanged, two samples later', () => {
  const input = tone(4800, 440);
  const out = convertInBlocks(input, 1, 480);
  expect(out.subarray(2)).toEqual(input.subarray(0, out.length - 2));
});

test.each([
  0.995, 0.9995, 1.0005, 1.005,
])('at a ratio of %d the length is right and there are no seams', (ratio) => {
  const input = tone(RATE, 1000);
  const out = convertInBlocks(input, ratio, 480);
  expect(Math.abs(out.length - RATE / ratio)).toBeLessThan(4);
  // What comes out is the tone at the new frequency: nowhere does it leave the sine by more than 1%.
  let worst = 0;
  for (let i = 10; i < out.length; i++) {
    const expected = 10_000 * Math.sin((2 * Math.PI * 1000 * (i - 2 / ratio) * ratio) / RATE);
    worst = Math.max(worst, Math.abs(out[i]! - expected));
  }
  expect(worst).toBeLessThan(100);
});

test('full scale does not wrap around', () => {
  const square = Int16Array.from({ length: 960 }, (_, i) => (i % 20 < 10 ? 32_767 : -32_768));
  const out = convertInBlocks(square, 1.003, 480);
  for (const [i, sample] of out.entries()) {
    if (i === 0 || Math.abs(sample) > 30_000) continue;
    // Between the two halves it may be anywhere, but never jumps to the other end and back.
    expect(Math.abs(sample)).toBeLessThanOrEqual(32_768);
  }
  expect(out.some((sample) => sample === 32_767)).toBe(true);
});

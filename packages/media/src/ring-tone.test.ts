import { expect, it } from 'vitest';
import { FRAME_MS } from './audio-format.ts';
import { ringFrame } from './ring-tone.ts';

const second = (kind: 'ring' | 'ringback', from: number) =>
  Array.from({ length: 1000 / FRAME_MS }, (_, n) => [
    ...ringFrame(kind, (from * 1000) / FRAME_MS + n),
  ]).flat();
const peak = (samples: number[]) => Math.max(...samples.map(Math.abs));

it.each([
  ['ring', 3, 8192],
  ['ringback', 5, 3277],
] as const)('%s sounds for a second each %i s, softly', (kind, everyS, loudest) => {
  const peaks = Array.from({ length: 2 * everyS }, (_, s) => peak(second(kind, s)));
  peaks.forEach((value, s) => {
    if (s % everyS > 0) expect(value).toBe(0);
    else expect(value / loudest).toBeCloseTo(1, 1);
  });
});

it.each([
  'ring',
  'ringback',
] as const)('%s does not click: no step is greater than its pitch makes', (kind) => {
  const samples = [...second(kind, 0), ...second(kind, 1)];
  const steps = samples.map((sample, i) => Math.abs(sample - (samples[i - 1] ?? 0)));
  expect(Math.max(...steps)).toBeLessThan((2 * Math.PI * 960 * 8192) / 48_000);
});

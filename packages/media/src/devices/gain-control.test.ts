import { expect, test } from 'vitest';
import { GainControl } from './gain-control.ts';

const BLOCK = 480;

/** `seconds` of a tone through the control; the level of the last second, dB below full scale (power). */
function levelAfter(control: GainControl, amplitude: number, seconds: number, isSpeech = true) {
  let energy = 0;
  let peak = 0;
  for (let block = 0; block < seconds * 100; block++) {
    const samples = Float32Array.from({ length: BLOCK }, (_, i) => amplitude * Math.sin((i * Math.PI) / 24));
    control.process(samples, isSpeech);
    for (const sample of samples) {
      peak = Math.max(peak, Math.abs(sample));
      if (block >= (seconds - 1) * 100) energy += sample * sample;
    }
  }
  return { db: 10 * Math.log10(energy / (BLOCK * 100)), peak };
}

test.each([0.02, 0.05, 0.3, 0.6])('speech with an amplitude of %d comes to one level', (amplitude) => {
  expect(levelAfter(new GainControl(), amplitude, 20).db).toBeCloseTo(-22, 0);
});

test('a whisper is raised by 18 dB and no more', () => {
  const whisper = 20 * Math.log10(0.004 / Math.SQRT2);
  expect(levelAfter(new GainControl(), 0.004, 30).db).toBeCloseTo(whisper + 18, 0);
});

test('a pause raises nothing, whatever hums in it', () => {
  const control = new GainControl();
  levelAfter(control, 0.1, 10);
  const { gainDb } = control;
  levelAfter(control, 0.01, 60, false);
  expect(control.gainDb).toBe(gainDb);
});

test('a shout after a whisper is held below full scale from its first sample', () => {
  const control = new GainControl();
  levelAfter(control, 0.02, 20);
  expect(levelAfter(control, 0.9, 1).peak).toBeLessThanOrEqual(0.8901);
});

test('the gain never jumps: a steady tone keeps a steady envelope', () => {
  const control = new GainControl();
  let last = 1;
  let largestStep = 0;
  for (let block = 0; block < 1000; block++) {
    const samples = new Float32Array(BLOCK).fill(0.02);
    control.process(samples, true);
    for (const sample of samples) {
      largestStep = Math.max(largestStep, Math.abs(sample / 0.02 / last - 1));
      last = sample / 0.02;
    }
  }
  expect(last).toBeGreaterThan(2);
  expect(largestStep).toBeLessThan(0.001);
});

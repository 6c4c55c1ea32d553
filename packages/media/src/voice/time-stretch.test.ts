import { expect, test } from 'vitest';
import { spoken } from '../sound.test-support.ts';
import { hurried, lengthen, shorten } from './time-stretch.ts';

const FRAME = 960;

function tone(hz: number, samples = FRAME): Int16Array {
  return Int16Array.from({ length: samples }, (_, i) => 8000 * Math.sin((2 * Math.PI * hz * i) / 48_000));
}

/** The largest step from one sample to the next. */
const steepest = (samples: Int16Array) =>
  samples.subarray(1).reduce((most, sample, i) => Math.max(most, Math.abs(sample - samples[i]!)), 0);

test.each([
  110, 150, 233, 400,
])('a voice of %i Hz is shortened and lengthened by whole periods, without a click', (hz) => {
  const frame = tone(hz);
  const period = 48_000 / hz;
  for (const [stretched, sign] of [
    [shorten(frame, false)!, -1],
    [lengthen(frame)!, 1],
  ] as const) {
    const changed = sign * (stretched.length - FRAME);
    expect(changed).toBeGreaterThanOrEqual(120);
    expect(changed).toBeLessThanOrEqual(480);
    const periods = changed / period;
    expect(Math.abs(periods - Math.round(periods))).toBeLessThan(0.05);
    expect(steepest(stretched)).toBeLessThan(steepest(frame) * 1.1);
    // It goes on as it would have: the ends are as they were.
    expect(stretched.subarray(-50)).toEqual(frame.subarray(-50));
    expect(Math.abs(stretched[0]! - frame[0]!)).toBeLessThan(50);
  }
});

test('noise is left alone, unless it is urgent or hardly there', () => {
  let state = 1;
  const noise = (level: number) =>
    Int16Array.from({ length: FRAME }, () => {
      state = (state * 48271) % 2147483647;
      return level * (state / 1073741823 - 1);
    });
  expect(shorten(noise(8000), false)).toBeNull();
  expect(lengthen(noise(8000))).toBeNull();
  expect(shorten(noise(20), false)!.length).toBe(FRAME - 480);
});

test('silence is stretched the most, clipped speech without overflow', () => {
  expect(shorten(new Int16Array(FRAME), false)!.length).toBe(FRAME - 480);
  const clipped = tone(200).map((sample) => (sample > 0 ? 32767 : -32768));
  const shortened = shorten(clipped, true)!;
  expect(shortened.every((sample) => sample === 32767 || sample === -32768)).toBe(true);
});

test('enough of speech can be stretched, in frames of 20 and of 60 ms', async () => {
  const speech = await spoken('bob');
  for (const length of [FRAME, 3 * FRAME]) {
    let stretched = 0;
    let frames = 0;
    for (let at = 0; at + length <= speech.length; at += length, frames++)
      if (shorten(speech.subarray(at, at + length), false) !== null) stretched++;
    expect(stretched).toBeGreaterThan(frames * 0.25);
  }
});

test.each([
  110, 233, 400,
])('a voice of %i Hz in a hurry loses periods of each 20 ms, of packets of 60 ms as well, without a click', (hz) => {
  for (const frames of [1, 3]) {
    const samples = tone(hz, frames * FRAME);
    const faster = hurried(samples);
    expect(faster.length).toBeGreaterThanOrEqual((frames * FRAME) / 2.1);
    expect(faster.length).toBeLessThanOrEqual((frames * FRAME) / 1.3);
    expect(steepest(faster)).toBeLessThan(steepest(samples) * 1.15);
    expect(faster.subarray(-50)).toEqual(samples.subarray(-50));
  }
});

test('speech in a hurry takes two thirds of the time and less', async () => {
  const speech = await spoken('bob');
  let heard = 0;
  for (let at = 0; at + FRAME <= speech.length; at += FRAME)
    heard += hurried(speech.subarray(at, at + FRAME)).length;
  expect(heard / speech.length).toBeLessThan(0.67);
  expect(heard / speech.length).toBeGreaterThan(0.45);
});

import { fileURLToPath } from 'node:url';
import { readRecording } from '@overcall/media';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  concat,
  modulatedNoise,
  shuffled,
  speechShapedNoise,
  throughOpus,
  whiteNoise,
  withSlips,
} from './degradations.test-support.ts';
import { ALIKE_THRESHOLD, speechSimilarity } from './speech-similarity.ts';

/** What passes and what fails has to do so by this much. */
const CLEARLY = 0.1;

const spoken = (name: string) =>
  readRecording(fileURLToPath(new URL(`../../../test/recordings/${name}.wav`, import.meta.url)));

describe.each([
  ['alice', 'bob'],
  ['bob', 'alice'],
])('the recording of %s', (name, otherName) => {
  let source: Int16Array;
  let other: Int16Array;
  let coded: Int16Array;
  beforeAll(async () => {
    source = await spoken(name);
    other = await spoken(otherName);
    coded = throughOpus(source, 0.02);
  });
  const similarity = (degraded: Int16Array | Float32Array) => speechSimilarity(source, degraded).similarity;

  test('is like itself, at any level and in either sample format', () => {
    expect(similarity(source)).toBeCloseTo(1, 6);
    expect(similarity(source.map((sample) => sample / 50))).toBeGreaterThan(0.99);
    expect(similarity(Float32Array.from(source, (sample) => sample / 32_768))).toBeCloseTo(1, 6);
  });

  test('is clearly alike after Opus with 2% of frames concealed, and still with 10%', () => {
    expect(similarity(coded)).toBeGreaterThan(ALIKE_THRESHOLD + 2 * CLEARLY);
    expect(similarity(throughOpus(source, 0.1))).toBeGreaterThan(ALIKE_THRESHOLD + CLEARLY);
  });

  test('the distance is nothing to itself, and grows with what is concealed', () => {
    const distance = (degraded: Int16Array) => speechSimilarity(source, degraded).distanceDb;
    expect(distance(source)).toBe(0);
    const [little, much] = [distance(coded), distance(throughOpus(source, 0.2))];
    expect(little).toBeLessThan(6);
    expect(much).toBeGreaterThan(little + 1);
    expect(distance(other)).toBeGreaterThan(much + 3);
  });

  test.each([-800, -120, 0, 333, 4900])('is found at an offset of %i ms', (offsetMs) => {
    const samples = Math.abs(offsetMs) * 48;
    const moved = offsetMs < 0 ? coded.subarray(samples) : concat([new Int16Array(samples), coded]);
    const found = speechSimilarity(source, moved);
    expect(found.similarity).toBeGreaterThan(ALIKE_THRESHOLD + CLEARLY);
    // Opus itself delays by 6.5 ms.
    expect(Math.abs(found.offsetMs - offsetMs - 6.5)).toBeLessThan(10);
  });

  test('is clearly alike when a jitter buffer put frames in and left frames out', () => {
    expect(similarity(withSlips(coded))).toBeGreaterThan(ALIKE_THRESHOLD + 2 * CLEARLY);
  });

  test('is clearly not alike: silence, nothing, noise of three kinds, the other voice', () => {
    const wrong = {
      nothing: new Int16Array(0),
      silence: new Int16Array(source.length),
      whiteNoise: whiteNoise(source.length, 1),
      speechShapedNoise: speechShapedNoise(source, 2),
      modulatedNoise: modulatedNoise(source, 3),
      otherVoice: other,
      otherVoiceCoded: throughOpus(other, 0),
      backwards: source.slice().reverse(),
      half: source.subarray(0, source.length / 2),
    };
    const tooAlike = Object.entries(wrong)
      .map(([what, samples]) => [what, similarity(samples)] as const)
      .filter(([, value]) => value > ALIKE_THRESHOLD - CLEARLY);
    expect(tooAlike).toEqual([]);
  });

  test.each([1, 2, 3, 4, 5])('is clearly not alike when its words are shuffled (seed %i)', (seed) => {
    for (const seconds of [0.2, 0.4, 0.8]) {
      expect(similarity(shuffled(source, seconds, seed))).toBeLessThan(ALIKE_THRESHOLD - CLEARLY);
    }
  });
});

test('a source without speech is like nothing, not even itself', () => {
  const silence = new Int16Array(48_000);
  expect(speechSimilarity(silence, silence)).toEqual({ similarity: 0, distanceDb: 45, offsetMs: 0 });
  expect(speechSimilarity(new Int16Array(0), silence).similarity).toBe(0);
});

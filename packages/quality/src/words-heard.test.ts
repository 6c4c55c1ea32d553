import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readRecording } from '@overcall/media';
import { beforeAll, describe, expect, test } from 'vitest';
import { concat, throughOpus, whiteNoise } from './degradations.test-support.ts';
import { type SpokenWord, WORD_HEARD_THRESHOLD, wordsHeard } from './words-heard.ts';

const file = (name: string) => fileURLToPath(new URL(`../../../test/recordings/${name}`, import.meta.url));

const clarities = (source: Int16Array, degraded: Int16Array, words: readonly SpokenWord[]) =>
  wordsHeard(source, degraded, words).map(({ clarity }) => clarity);

const shareHeard = (values: number[]) =>
  values.filter((value) => value >= WORD_HEARD_THRESHOLD).length / values.length;

describe.each(['alice', 'bob'])('the words of the recording of %s', (name) => {
  let source: Int16Array;
  let words: SpokenWord[];
  beforeAll(async () => {
    source = await readRecording(file(`${name}.wav`));
    words = JSON.parse(readFileSync(file(`${name}.words.json`), 'utf8')) as SpokenWord[];
  });

  /** Each word, or every other one, made into something else. */
  function changed(change: (word: Int16Array, index: number) => void): Int16Array {
    const copy = source.slice();
    for (const [index, { startMs, endMs }] of words.entries())
      change(copy.subarray(startMs * 48, endMs * 48), index);
    return copy;
  }

  test('follow each other through all of it', () => {
    for (const [index, { startMs, endMs }] of words.entries()) {
      expect(endMs).toBeGreaterThan(startMs);
      if (index > 0) expect(startMs).toBe(words[index - 1]!.endMs);
    }
    expect(words.at(-1)!.endMs).toBeLessThanOrEqual(source.length / 48);
  });

  test('are all heard clearly through Opus', () => {
    expect(Math.min(...clarities(source, throughOpus(source, 0), words))).toBeGreaterThan(0.95);
  });

  test('are all heard with 3% of frames concealed', () => {
    expect(shareHeard(clarities(source, throughOpus(source, 0.03), words))).toBe(1);
  });

  test('are found where they are, when they come late', () => {
    const late = concat([new Int16Array(48 * 730), source]);
    for (const { startMs, heardAtMs } of wordsHeard(source, late, words))
      expect(heardAtMs - startMs).toBe(730);
  });

  test('that are missing are the ones not heard', () => {
    const values = clarities(
      source,
      changed((word, index) => index % 5 === 2 && word.fill(0)),
      words,
    );
    for (const [index, value] of values.entries())
      if (index % 5 === 2) expect(value, words[index]!.word).toBeLessThan(WORD_HEARD_THRESHOLD);
    // Neighbours may lose an end: where one word becomes the next is a matter of taste.
    expect(shareHeard(values.filter((_, index) => index % 5 !== 2))).toBeGreaterThan(0.8);
  });

  test.each([
    ['of which the first half is missing', (word: Int16Array) => word.fill(0, 0, word.length >> 1), 0.1],
    ['of which the second half is missing', (word: Int16Array) => word.fill(0, word.length >> 1), 0.3],
    ['played backwards', (word: Int16Array) => word.reverse(), 0.2],
    ['drowned in noise', (word: Int16Array) => word.set(whiteNoise(word.length, word.length)), 0],
  ] as const)('%s are not heard, but for some that end in a pause', (_, change, atMost) => {
    expect(shareHeard(clarities(source, changed(change), words))).toBeLessThanOrEqual(atMost);
  });

  test('of nothing are not heard', () => {
    expect(clarities(source, new Int16Array(source.length), words)).toEqual(words.map(() => 0));
  });
});

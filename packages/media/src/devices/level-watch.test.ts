import { expect, test } from 'vitest';
import { type LevelRemark, LevelWatch } from './level-watch.ts';

function remarks(seconds: number, sample: (i: number) => number): LevelRemark[] {
  const watch = new LevelWatch();
  const said: LevelRemark[] = [];
  const second = Int16Array.from({ length: 48_000 }, (_, i) => sample(i));
  for (let block = 0; block < seconds * 100; block++) {
    const at = (block % 100) * 480;
    const remark = watch.handle(second.subarray(at, at + 480));
    if (remark !== null) said.push(remark);
  }
  return said;
}

test('a voice at a good level is nothing to remark on', () => {
  expect(remarks(20, (i) => 20_000 * Math.sin(i * 0.02))).toEqual([]);
});

test('clipping is said once in half a minute', () => {
  const loud = (i: number) => Math.max(-32_768, Math.min(32_767, 60_000 * Math.sin(i * 0.02)));
  expect(remarks(25, loud)).toEqual(['clipping']);
  expect(remarks(65, loud)).toEqual(['clipping', 'clipping', 'clipping']);
});

test('a single loud click is no clipping', () => {
  expect(remarks(5, (i) => (i % 48_000 === 0 ? 32_767 : 10))).toEqual([]);
});

test('five seconds of zeros are a muted microphone, a minute of them is no more than that', () => {
  expect(remarks(4, () => 0)).toEqual([]);
  expect(remarks(60, () => 0)).toEqual(['silent']);
  expect(remarks(60, (i) => (i % 48_000 === 7 ? 1 : 0))).toEqual([]);
});

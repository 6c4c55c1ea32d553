import { expect, test } from 'vitest';
import { StretchChoice } from './stretch-choice.ts';

test.each([
  // surplus, pending, whether the next frame is there
  [0, 0, true, 'none'],
  [-4, 0, true, 'none'],
  [-5, 0, true, 'lengthen'],
  [-5, 0, false, 'lengthen'],
  [22, 0, true, 'none'],
  [23, 0, true, 'shorten'],
  [23, 0, false, 'none'],
  [1, 10, false, 'shorten'],
  [61, 0, true, 'shorten-now'],
  [61, 9, false, 'none'],
  [61, 10, false, 'shorten-now'],
  [100, 0, true, 'shorten-now'],
  [101, 0, true, 'hurry'],
  [101, 10, false, 'shorten-now'],
] as const)('%i ms above the delay wanted, %i ms pending, next there: %s: %s', (surplus, pending, isThere, expected) => {
  expect(new StretchChoice().choose(surplus, pending, isThere)).toBe(expected);
});

test('two frames rest after one that was stretched, unless it is urgent', () => {
  const choice = new StretchChoice();
  choice.noteStretched();
  expect(choice.choose(100, 0, true)).toBe('shorten-now');
  expect(choice.choose(-30, 0, true)).toBe('lengthen');
  expect([1, 2, 3].map(() => choice.choose(-10, 0, true))).toEqual(['none', 'none', 'lengthen']);
});

import { expect, it } from 'vitest';
import { isInBackground } from './foreground.ts';

const stat = (group: number, foreground: number, name = 'node') =>
  `70 (${name}) S 60 ${group} 60 34816 ${foreground} 4194304 1`;

it('is told by the process group that the terminal belongs to', () => {
  expect(isInBackground(stat(70, 60))).toBe(true);
  expect(isInBackground(stat(70, 60, 'odd) S 1 (name'))).toBe(true);
  expect(isInBackground(stat(70, 70))).toBe(false);
});

it('is not so without a terminal, or where nothing is known', () => {
  expect(isInBackground(stat(70, -1))).toBe(false);
  expect(isInBackground(stat(70, 0))).toBe(false);
  expect(isInBackground(null)).toBe(false);
});

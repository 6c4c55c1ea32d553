import { expect, test } from 'vitest';
import { NumberJumps } from './number-jumps.ts';

/** What each number means while 1000 is to be played. */
const verdicts = (numbers: number[], newest = 1000) => {
  const jumps = new NumberJumps();
  return numbers.map((number) => jumps.handle(number, 1000, newest));
};

test('numbers near the one to be played belong there', () => {
  expect(verdicts([1000, 1045, 955])).toEqual(['near', 'near', 'near']);
});

test('what goes on from numbers that wait belongs there, up to 120 ahead', () => {
  expect(verdicts([1070, 1071], 1025)).toEqual(['near', 'stray']);
  expect(verdicts([1120, 1121], 1075)).toEqual(['near', 'stray']);
  expect(verdicts([1120, 1121], 1110)).toEqual(['near', 'stray']);
});

test('the third in a row that is elsewhere, near the others, begins anew there', () => {
  expect(verdicts([2000, 2001, 2002])).toEqual(['stray', 'stray', 'resync']);
  expect(verdicts([1046, 954])).toEqual(['stray', 'stray']);
});

test('strays that are near nothing, or have numbers that belong here between them, never do', () => {
  expect(verdicts([2000, 3000, 4000, 5000])).toEqual(['stray', 'stray', 'stray', 'stray']);
  expect(verdicts([2000, 2001, 1000, 2002, 2003])).toEqual(['stray', 'stray', 'near', 'stray', 'stray']);
});

test('ten in a row that are too late begin anew, and one that is not starts the count again', () => {
  const jumps = new NumberJumps();
  const late = (count: number) => Array.from({ length: count }, () => jumps.handleLate());
  expect(late(9)).not.toContain(true);
  jumps.handleUseful();
  expect(late(10).indexOf(true)).toBe(9);
});

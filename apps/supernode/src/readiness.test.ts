import { expect, it } from 'vitest';
import { whyNotReady } from './readiness.ts';

const WELL = {
  isLeaving: false,
  link: { isExpired: false, isListed: true },
  reach: { state: 'reached' },
  clockTrouble: null,
} as const;

it.each([
  ['nothing', {}, null],
  ['that nobody else is there to tell', { reach: { state: 'alone' } }, null],
  ['a drain', { isLeaving: true, link: null }, 'draining'],
  ['a wrong clock, for which a list may seem old', { clockTrouble: 'behind', link: null }, 'behind'],
  ['no list', { link: null }, 'no supernode list in force'],
  ['an old list', { link: { isExpired: true, isListed: true } }, 'no supernode list in force'],
  ['a list without it', { link: { isExpired: false, isListed: false } }, 'not in the supernode list'],
  ['that nothing is known', { reach: null }, 'nobody has tried yet whether it can be reached'],
  ['a closed port', { reach: { state: 'unreached', reason: 'open it' } }, 'open it'],
] as const)('%s stands against it', (_, state, why) => {
  expect(whyNotReady({ ...WELL, ...state })).toBe(why);
});

import { expect, it } from 'vitest';
import { openFilesOf, openFilesTrouble } from './open-files.ts';

const limits = (soft: string) =>
  [
    'Limit                     Soft Limit           Hard Limit           Units',
    'Max processes             7                    7                    processes',
    `Max open files            ${soft.padEnd(20)} 1048576              files`,
    'Max locked memory         8388608              8388608              bytes',
  ].join('\n');

it.each([
  [limits('1024'), 1024],
  [limits('1048576'), 1048576],
  [limits('unlimited'), null],
  ['', null],
])('reads the soft limit of open files', (text, limit) => {
  expect(openFilesOf(text)).toBe(limit);
});

it('says how to mend a limit that is too low, and nothing of others', () => {
  expect(openFilesTrouble(4095)).toMatch(/only 4095 .*LimitNOFILE=4096 .*ulimit -n 4096/);
  expect([openFilesTrouble(4096), openFilesTrouble(null)]).toEqual([null, null]);
});

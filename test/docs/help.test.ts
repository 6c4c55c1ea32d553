import { spawnSync } from 'node:child_process';
import { buildPrograms, programFile } from '@overcall/harness';
import { beforeAll, expect, it } from 'vitest';

/** Words that are written with a capital everywhere. */
const CAPITAL = /^(?:[A-Z]{2}|Mbit\/s)/;
const isSentence = (text: string): boolean => /^[A-Z].*\.$/.test(text);
const isFragment = (text: string): boolean =>
  (/^[^A-Z]/.test(text) || CAPITAL.test(text)) && !text.endsWith('.');

function printedBy(program: Parameters<typeof programFile>[0], ...args: string[]): string {
  return spawnSync(process.execPath, [programFile(program), ...args], { encoding: 'utf8' }).stdout;
}

beforeAll(() => buildPrograms());

it.each([
  'softphone',
  'supernode',
  'directory',
] as const)('the help of the %s says in sentences what a command does, and in fragments what stands in a list', (program) => {
  // Both are made from what `--help` shows.
  const page = printedBy(program, 'man').replaceAll('\\-', '-');
  const commands = [...page.matchAll(/^\.SS .*\n\.B .*\n.*\n\.PP\n(.*)$/gm)].map(([, text]) => text!);
  const list = printedBy(program, 'completion', 'fish');
  const listed = [...list.matchAll(/ -d '(.*)'$/gm)].map(([, text]) => text!);
  expect(Math.min(commands.length, listed.length)).toBeGreaterThan(5);
  expect(commands.filter((text) => !isSentence(text))).toEqual([]);
  expect(listed.filter((text) => !isFragment(text))).toEqual([]);
});

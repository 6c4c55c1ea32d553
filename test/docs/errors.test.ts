import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodeOf, REMEDIES } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import { expect, it } from 'vitest';
import { ROOT } from './documented-commands.ts';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** Where an error gets its code: made, or refused by the directory. */
const MADE = /(?:OvercallError|refusal|super)\(\s*'([a-z]+(?:-[a-z]+)*)'/g;

function codesInSources(): Set<string> {
  const files = execFileSync('git', ['ls-files', 'apps', 'packages'], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter((file) => file.endsWith('.ts') && !/\.test(-support)?\.ts$/.test(file));
  const made = files.flatMap((file) => [...read(file).matchAll(MADE)].map(([, code]) => code!));
  return new Set([...made, ...REMEDIES.keys()]);
}

/** Rows of docs/errors.md: several codes may share a remedy. */
const rows = [...read('docs/errors.md').matchAll(/^\| (`.+`) \| (\d+) \| (.+) \|$/gm)].flatMap(
  ([, codes, exit, remedy]) =>
    [...codes!.matchAll(/`([a-z-]+)`/g)].map(([, code]) => ({ code: code!, exit: Number(exit), remedy })),
);

/** Codes of the last part of the page, which no table has. */
function onlyByLies(): string[] {
  const lastPart = read('docs/errors.md').split('\n## ').at(-1)!;
  return [...lastPart.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code!);
}

it('every code of an error that a person may meet stands in docs with what to do next', () => {
  const api = [...read('docs/directory.md').matchAll(/^\| `([a-z-]+)` \| \d{3} \|/gm)].map(
    ([, code]) => code!,
  );
  const known = new Set([...rows.map(({ code }) => code), ...api, ...onlyByLies()]);
  expect([...codesInSources()].filter((code) => !known.has(code))).toEqual([]);
});

it('docs/errors.md names no code twice, none that is not there, and the right exit codes', () => {
  const codes = rows.map(({ code }) => code);
  const inSources = codesInSources();
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
  expect(codes.filter((code) => !inSources.has(code))).toEqual([]);
  const exits = rows.map(({ code }) => ({ code, exit: exitCodeOf(new OvercallError(code, '')) }));
  expect(rows.map(({ code, exit }) => ({ code, exit }))).toEqual(exits);
});

it('docs/errors.md has what is printed, and every printed remedy is short', () => {
  const plain = (text: string): string => text.replaceAll('`', '');
  const differing = rows.filter(
    ({ code, remedy }) => !plain(remedy!).startsWith(REMEDIES.get(code)?.next ?? '?'),
  );
  expect(differing).toEqual([]);
  const onPage = new Set([...rows.map(({ code }) => code), ...onlyByLies()]);
  expect([...REMEDIES.keys()].filter((code) => !onPage.has(code))).toEqual([]);
  expect([...REMEDIES].filter(([, { next }]) => next.length > 90 || /[.;]$|\n/.test(next))).toEqual([]);
});

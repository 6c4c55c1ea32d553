import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { expect, it, onTestFinished } from 'vitest';
import { checkSettings } from './config-check.ts';
import { plainJson } from './config-file.ts';
import { configText, writeConfig } from './config-template.ts';
import { wholeNumber } from './numbers.ts';
import { createProgram } from './program.ts';
import { collect } from './settings.ts';

const program = createProgram({
  name: 'program',
  part: '',
  version: '1',
  description: '',
  example: '',
  logLevel: 'warn',
});
const serve = program
  .command('serve')
  .option('--name <name>', 'what it is called')
  .addOption(new Option('--limit <n>', 'how many').argParser(wholeNumber(1, 9)).default(3))
  .addOption(new Option('--listen <ip:port>', 'where').argParser(collect))
  .option('--no-frills', 'without')
  .option('--invite <code>', 'once');

it('the configuration that is written holds what was given, and everything else as a comment', () => {
  const text = configText(program, [serve], { name: 'a // "b"', listen: ['0.0.0.0:443'], limit: undefined });
  expect(JSON.parse(plainJson(text))).toEqual({ name: 'a // "b"', listen: ['0.0.0.0:443'] });
  expect(text).toContain('  // how many (default 3)\n  // "limit": 3,');
  expect(text).toContain('// "no-frills": true,');
  expect(text).not.toMatch(/"(home|config|json|version|invite)"/);
  // With the comments off it is still JSON, of settings that are known.
  const all = text.replace(/^( *)\/\/ (?="[\w-]+":)/gm, '$1');
  expect(Object.keys(JSON.parse(plainJson(all)) as object)).toEqual([
    ...['log-level', 'name', 'limit', 'listen', 'no-frills'],
  ]);
});

it('is accepted as it is, is for this user only, and replaces nothing by itself', () => {
  const folder = mkdtempSync(join(tmpdir(), 'overcall-template-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'new', 'config.json');
  writeConfig(file, configText(program, [serve], { name: 'one' }), { force: false });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { troubles, settings } = checkSettings(program, { file, isAskedFor: true, env: {} });
  expect(troubles).toEqual([]);
  expect(settings).toContainEqual({ setting: 'name', value: 'one', from: 'file' });
  expect(() => writeConfig(file, '{}', { force: false })).toThrow(/is there already/);
  writeConfig(file, '{}', { force: true });
  expect(readFileSync(file, 'utf8')).toBe('{}');
});

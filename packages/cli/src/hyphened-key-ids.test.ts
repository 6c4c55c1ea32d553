import { Command } from 'commander';
import { expect, it } from 'vitest';
import { guardHyphenedKeyIds } from './hyphened-key-ids.ts';

const KEY_ID = `-WKm${'k'.repeat(39)}`;

async function parsed(...args: string[]) {
  let seen: unknown;
  const program = new Command('program').option('--home <dir>').option('--json').exitOverride();
  program
    .command('revoke <device>')
    .option('--allow <who>')
    .action((device: string, _options: unknown, command: Command) => {
      seen = { device, ...command.optsWithGlobals() };
    });
  program
    .command('message <name> [text...]')
    .option('-n, --number <n>')
    .action((name: string, text: string[], _options: unknown, command: Command) => {
      seen = { name, text, ...command.optsWithGlobals() };
    });
  await program.parseAsync(guardHyphenedKeyIds(program, args), { from: 'user' });
  return seen;
}

it.each([
  KEY_ID,
  KEY_ID.replace('W', 'h'),
  KEY_ID.replace('W', '-'),
])('%s is a key id wherever it stands, and no option', async (device) => {
  expect(await parsed('revoke', device)).toEqual({ device });
  expect(await parsed('revoke', device, '--home', 'a')).toEqual({ device, home: 'a' });
  expect(await parsed('--json', 'revoke', '--json', device)).toEqual({ device, json: true });
  expect(await parsed('revoke', '--allow', device, device)).toEqual({ device, allow: device });
  expect(await parsed('revoke', '--', device)).toEqual({ device });
});

it.each([
  [['message', 'bob', 'a', KEY_ID, 'b'], {}],
  [
    ['--json', 'message', 'bob', 'a', KEY_ID, '-n', '5', 'b', '--home', 'c'],
    { json: true, number: '5', home: 'c' },
  ],
  [['message', '-n', '5', 'bob', 'a', KEY_ID, '--json', 'b'], { json: true, number: '5' }],
  [['message', 'bob', 'a', KEY_ID, 'b', `--home=${KEY_ID}`], { home: KEY_ID }],
])('is a word of a message where it was typed (%j)', async (args, options) => {
  expect(await parsed(...args)).toEqual({ name: 'bob', text: ['a', KEY_ID, 'b'], ...options });
});

it('is one of several, and a dash alone is no option', async () => {
  const text = [KEY_ID, '-', KEY_ID, 'b', `-${KEY_ID.slice(1)}`];
  expect(await parsed('message', 'bob', ...text)).toEqual({ name: 'bob', text });
});

it('all else stays as it was typed', () => {
  const args = ['revoke', '-x', `--${'long-'.repeat(9)}`, KEY_ID.slice(1), '--home', KEY_ID];
  expect(guardHyphenedKeyIds(new Command().option('--home <dir>'), args)).toEqual(args);
});

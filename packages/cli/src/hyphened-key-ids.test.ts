import { Command } from 'commander';
import { expect, it } from 'vitest';
import { putHyphenedKeyIdsLast } from './hyphened-key-ids.ts';

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
  await program.parseAsync(putHyphenedKeyIdsLast(program, args), { from: 'user' });
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

it('all else stays as it was typed', () => {
  const args = ['revoke', '-x', `--${'long-'.repeat(9)}`, KEY_ID.slice(1), '--home', KEY_ID];
  expect(putHyphenedKeyIdsLast(new Command().option('--home <dir>'), args)).toEqual(args);
});

import { readFileSync } from 'node:fs';
import { bindEnvironment, LOG_LEVELS } from '@overcall/cli';
import { Command, Option } from 'commander';
import { addCall } from './commands/call.ts';
import { addListen } from './commands/listen.ts';
import { addLookup } from './commands/lookup.ts';
import { addRegister } from './commands/register.ts';
import { addVerify } from './commands/verify.ts';
import { addWhoami } from './commands/whoami.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The `overcall` command. */
export function createProgram(): Command {
  const program = new Command('overcall')
    .description('Encrypted voice calls between two people across any network.')
    .version(version)
    .option('--json', 'newline-delimited JSON on stdout')
    .option('--home <dir>', 'configuration, keys and state (default: the XDG folders)')
    .option('--directory <url>', 'directory, as URL or URL#KEY; remembered after registering')
    .option('--insecure-http', 'allow plain HTTP to a directory that is not on loopback (labs only)')
    .addOption(
      new Option('--log-level <level>', 'log to stderr from this level')
        .choices([...LOG_LEVELS])
        .default('warn'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  overcall register alice --directory https://directory.example\n  overcall call bob',
    );
  for (const add of [addRegister, addWhoami, addLookup, addListen, addCall, addVerify]) add(program);
  bindEnvironment(program);
  return program;
}

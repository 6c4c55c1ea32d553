import { Command, CommanderError, Option } from 'commander';
import { VERSION } from '../version.ts';
import {
  listSupernodes,
  listUsers,
  makeBackup,
  makeInvites,
  restoreBackup,
  setSupernodeStatus,
  showKey,
} from './admin.ts';
import { addCommonOptions } from './common.ts';
import { EXIT_USAGE, reportError } from './output.ts';
import { addRunOptions, run } from './run.ts';
import { resolveSettings, type Settings, wholeNumber } from './settings.ts';

/** Runs `overcall-directory` with these arguments; returns the exit code and never throws. */
export async function runCli(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = buildProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // commander has said what is wrong already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    return reportError(error);
  }
}

function buildProgram(setExitCode: (code: number) => void): Command {
  const program = new Command('overcall-directory')
    .description('Registers users and publishes the supernode list of an Overcall network')
    .version(VERSION)
    .exitOverride()
    // Else `supernodes` would take the options of its subcommands for its own.
    .enablePositionalOptions()
    .showSuggestionAfterError(false)
    .configureOutput({
      outputError: (text, write) => write(text.replace(/\n+$/, '').replaceAll('\n', ' ').concat('\n')),
    });
  const add = (usage: string, description: string, example: string, parent = program) =>
    addCommonOptions(parent.command(usage))
      .description(description)
      .addHelpText('after', `\nExample:\n  overcall-directory ${example}`);
  /** Options are the last but one thing that commander passes, the command itself the last. */
  const action =
    (work: (settings: Settings, argument: string) => Promise<void> | void) =>
    async (...passed: unknown[]) => {
      const command = passed.at(-1) as Command;
      await work(resolveSettings(command, process.env), command.args[0] ?? '');
    };

  addRunOptions(add('run', 'serve until stopped', 'run --listen 203.0.113.5:443 --tls self')).action(
    action(async (settings) => setExitCode(await run(settings))),
  );
  add('key', 'print the public key, for URL#KEY', 'key --data /var/lib/overcall').action(action(showKey));
  add('invite', 'make invites, each good for one registration', 'invite --count 3')
    .addOption(new Option('--count <n>', 'how many').default(1).argParser(wholeNumber(1, 10_000)))
    .addOption(new Option('--days <n>', 'how long they are good').default(7).argParser(wholeNumber(1, 3650)))
    .action(action(makeInvites));
  add('users', 'list the users: name, key id, since when', 'users --json').action(action(listUsers));
  add('backup <file>', 'copy everything, the key too, into one file', 'backup overcall.backup')
    .option('--force', 'replace the file')
    .action(action(makeBackup));
  add('restore <file>', 'put a backup into the data directory', 'restore overcall.backup')
    .option('--force', 'replace what is there')
    .action(action(restoreBackup));

  const supernodes = add('supernodes', 'list the supernodes, admitted or not', 'supernodes --json')
    .enablePositionalOptions()
    .action(action(listSupernodes));
  add('approve <keyid>', 'admit a supernode', 'supernodes approve KEYID', supernodes).action(
    action((settings, keyId) => setSupernodeStatus(settings, keyId, 'admitted')),
  );
  add('remove <keyid>', 'throw a supernode out, for good', 'supernodes remove KEYID', supernodes).action(
    action((settings, keyId) => setSupernodeStatus(settings, keyId, 'removed')),
  );
  return program;
}

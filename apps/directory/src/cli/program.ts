import { addCommonCommands, addExample, createProgram, runProgram, wholeNumber } from '@overcall/cli';
import { type Command, Option } from 'commander';
import { parseStore } from '../store-choice.ts';
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
import { addRunOptions, run } from './run.ts';
import type { Settings } from './settings.ts';

/** Runs `overcall-directory` with these arguments; returns the exit code and never throws. */
export function runCli(args: readonly string[]): Promise<number> {
  return runProgram(buildProgram(), args);
}

function buildProgram(): Command {
  const program = createProgram({
    name: 'overcall-directory',
    part: 'directory',
    version: VERSION,
    description: 'Registers users and publishes the supernode list of an Overcall network.',
    example: 'overcall-directory run --listen 203.0.113.5:443 --tls self',
    logLevel: 'info',
  })
    .option('--data <dir>', 'data folder (default see --home)')
    .addOption(
      new Option('--store <store>', 'sqlite in it, or nats://HOST:PORT')
        .default('sqlite')
        .argParser(parseStore),
    );
  const add = (
    usage: string,
    [summary, description]: readonly [string, string],
    example: string,
    parent = program,
  ) =>
    addExample(
      parent.command(usage).summary(summary).description(description),
      `overcall-directory ${example}`,
    );
  /** Options are the last but one thing that commander passes, the command itself the last. */
  const action =
    (work: (settings: Settings, argument: string) => Promise<void> | void) =>
    async (...passed: unknown[]) => {
      const command = passed.at(-1) as Command;
      await work(command.optsWithGlobals<Settings>(), command.args[0] ?? '');
    };

  addRunOptions(
    add(
      'run',
      ['serve until stopped', 'Serves until it is stopped.'],
      'run --listen 203.0.113.5:443 --tls self',
    ),
  ).action(
    action(async (settings) => {
      process.exitCode = await run(settings);
    }),
  );
  add(
    'key',
    ['print the public key, for URL#KEY', 'Prints the public key of the directory, as in URL#KEY.'],
    'key --data /var/lib/overcall',
  ).action(action(showKey));
  add(
    'invite',
    [
      'make invites, each good for one registration',
      'Makes invites, each good for one registration, and prints their codes.',
    ],
    'invite --count 3',
  )
    .option('--supernode', 'each good for one supernode instead')
    .addOption(new Option('--count <n>', 'how many').default(1).argParser(wholeNumber(1, 10_000)))
    .addOption(new Option('--days <n>', 'how long they are good').default(7).argParser(wholeNumber(1, 3650)))
    .action(action(makeInvites));
  add(
    'users',
    ['list the users: name, key id, since when', 'Lists the users: name, key id, since when.'],
    'users --json',
  ).action(action(listUsers));
  add(
    'backup <file>',
    [
      'copy everything, the key too, into one file',
      'Copies everything, the key too, into FILE, also while the directory runs.',
    ],
    'backup overcall.backup',
  )
    .option('--force', 'replace the file')
    .action(action(makeBackup));
  add(
    'restore <file>',
    [
      'put a backup into the data folder',
      'Puts the backup in FILE into the data folder or the store, of a directory that is stopped.',
    ],
    'restore overcall.backup',
  )
    .option('--force', 'replace what is there')
    .action(action(restoreBackup));

  const supernodes = add(
    'supernodes',
    ['list the supernodes, admitted or not', 'Lists the supernodes, admitted or not.'],
    'supernodes --json',
  ).action(action(listSupernodes));
  add(
    'approve <keyid>',
    ['admit a supernode', 'Admits the supernode with this key id.'],
    'supernodes approve KEYID',
    supernodes,
  ).action(action((settings, keyId) => setSupernodeStatus(settings, keyId, 'admitted')));
  add(
    'remove <keyid>',
    ['throw a supernode out, for good', 'Throws the supernode with this key id out, for good.'],
    'supernodes remove KEYID',
    supernodes,
  ).action(action((settings, keyId) => setSupernodeStatus(settings, keyId, 'removed')));
  addCommonCommands(program, 'directory');
  return program;
}

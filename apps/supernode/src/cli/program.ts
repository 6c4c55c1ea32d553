import { readFileSync } from 'node:fs';
import { OvercallError } from '@overcall/wire';
import { Command, CommanderError, Option } from 'commander';
import { fetchStatus, requestDrain } from './admin-client.ts';
import { Exit, print, reportError } from './output.ts';
import { addRunOptions, type RunSettings, run } from './run.ts';
import { selfTest } from './self-test.ts';
import { resolveSettings } from './settings.ts';
import { statusText } from './status-text.ts';

interface AdminSettings {
  admin?: string;
  json?: boolean;
}

/** Runs `overcall-supernode` with these arguments; returns the exit code and never throws. */
export async function runCli(args: readonly string[]): Promise<number> {
  let exitCode: number = Exit.Done;
  const program = buildProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // commander has said what is wrong already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.Done : Exit.Usage;
    return reportError(error);
  }
}

function buildProgram(setExitCode: (code: number) => void): Command {
  const program = new Command('overcall-supernode')
    .description('Answers STUN, relays calls and carries signalling for an Overcall network')
    .version(version())
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({
      outputError: (text, write) => write(text.replace(/\n+$/, '').replaceAll('\n', ' ').concat('\n')),
    });
  const add = (usage: string, description: string, example: string) =>
    program
      .command(usage)
      .description(description)
      .addHelpText('after', `\nExample:\n  overcall-supernode ${example}`);
  const addAdmin = (
    usage: string,
    description: string,
    work: (settings: AdminSettings, admin: string) => Promise<number>,
  ) =>
    add(usage, description, `${usage} --admin 127.0.0.1:7481`)
      .addOption(new Option('--admin <ip:port>', 'admin address of the running supernode'))
      .addOption(new Option('--config <file>', 'configuration file (JSON, keys named like the flags)'))
      .addOption(new Option('--json', 'result as JSON'))
      .action(async (_options: unknown, command: Command) => {
        const settings = resolveSettings<AdminSettings>(command, process.env);
        setExitCode(await work(settings, needed(settings.admin, 'admin')));
      });

  addRunOptions(
    add(
      'run',
      'serve until stopped',
      'run --directory https://directory.example --listen 0.0.0.0:443 --public-address 203.0.113.5',
    ),
  ).action(async (_options: unknown, command: Command) => {
    const settings = resolveSettings<RunSettings>(command, process.env);
    const directory = needed(settings.directory, 'directory');
    const listen = needed(settings.listen, 'listen');
    const publicAddress = needed(settings.publicAddress, 'public-address');
    setExitCode(await run({ ...settings, directory, listen, publicAddress }));
  });
  addAdmin('status', 'what a running supernode does', async ({ json }, admin) => {
    const status = await fetchStatus(admin);
    print(json ?? false, status, statusText(status));
    return Exit.Done;
  });
  addAdmin('drain', 'take no new calls, stop when the last one is over', async ({ json }, admin) => {
    await requestDrain(admin);
    print(
      json ?? false,
      { event: 'draining', at: Date.now() },
      'draining; the supernode stops when its last call is over',
    );
    return Exit.Done;
  });
  addAdmin(
    'self-test',
    'try STUN and control of a running supernode at its public addresses',
    async ({ json }, admin) => {
      const results = await selfTest(await fetchStatus(admin));
      for (const result of results) {
        print(
          json ?? false,
          result,
          `${result.ok ? 'ok    ' : 'failed'} ${result.check} ${result.target}: ${result.detail}`,
        );
      }
      return results.every(({ ok }) => ok) ? Exit.Done : Exit.Error;
    },
  );
  return program;
}

function needed<T>(value: T | undefined, flag: string): T {
  if (value === undefined) throw new OvercallError('bad-option', `--${flag} is missing; see --help`);
  return value;
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

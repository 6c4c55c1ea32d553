import { OvercallError } from '@overcall/wire';
import { type Command, CommanderError, type HelpContext } from 'commander';
import { errorLine } from './error-line.ts';
import { ExitCode } from './exit-code.ts';
import { guardHyphenedKeyIds } from './hyphened-key-ids.ts';
import { OutputWatch } from './output-watch.ts';
import type { CommonSettings } from './program.ts';
import { exitCodeOf } from './remedies.ts';

/**
 * Runs the program with what follows its name on the command line; resolves with the exit code and never throws.
 * An action sets `process.exitCode` when it is not 0. Every error is one line on stderr.
 */
export async function runProgram(program: Command, args: readonly string[]): Promise<number> {
  const watch = new OutputWatch(process.stdout);
  const code = await run(program, args);
  const trouble = await watch.close();
  if (trouble === null) return code;
  process.stderr.write(`${program.name()}: ${errorLine(trouble)}\n`);
  return code === ExitCode.Done ? exitCodeOf(trouble) : code;
}

async function run(program: Command, args: readonly string[]): Promise<number> {
  let running = program;
  const noteRunning = (command: Command) => {
    running = command;
  };
  exitByThrowing(program, program.name(), noteRunning);
  const exitCodeBefore = process.exitCode;
  process.exitCode = undefined;
  try {
    await program.parseAsync(guardHyphenedKeyIds(program, args), { from: 'user' });
    return Number(process.exitCode ?? ExitCode.Done);
  } catch (error) {
    // commander has said what is wrong already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
    process.stderr.write(`${program.name()}: ${errorLine(error, pathOf(running))}\n`);
    showStack(program, error);
    return exitCodeOf(error);
  } finally {
    process.exitCode = exitCodeBefore;
  }
}

/** Where an error that should not be came from, for who wants to know. */
function showStack(program: Command, error: unknown): void {
  const { logLevel } = program.opts<CommonSettings>();
  if (error instanceof OvercallError || !['debug', 'trace'].includes(logLevel)) return;
  process.stderr.write(`${(error as Error).stack}\n`);
}

function exitByThrowing(command: Command, name: string, noteRunning: (command: Command) => void): void {
  command.exitOverride();
  sayWhenMissing(command);
  command.hook('preSubcommand', (_parent, child) => noteRunning(child));
  command.configureOutput({ outputError: (text, write) => write(usageLine(text, name, command)) });
  for (const child of command.commands) exitByThrowing(child, name, noteRunning);
}

/** Where a command is missing commander writes the whole help on stderr, which serves nobody but a person at a terminal. */
function sayWhenMissing(command: Command): void {
  const help = command.help.bind(command);
  command.help = ((context?: HelpContext): never => {
    if (context?.error !== true || process.stderr.isTTY) return help(context);
    throw new OvercallError('usage', 'no command was given');
  }) as Command['help'];
}

/** As it is typed: `overcall contacts add`. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** commander puts its suggestions on a line of their own, and shows what was typed as it is. */
function usageLine(text: string, name: string, command: Command): string {
  const said = text
    .replace(/^error: /, '')
    .trimEnd()
    .replace(/\.$/, '')
    .replaceAll('\n', ' ');
  return `${name}: ${errorLine(new OvercallError('usage', said), pathOf(command))}\n`;
}

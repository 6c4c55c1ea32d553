import { OvercallError } from '@overcall/wire';
import { type Command, CommanderError, InvalidArgumentError } from 'commander';
import { ExitCode, exitCodeOf } from './exit-codes.ts';

/**
 * Parses and runs; resolves with the exit code. Every error is one line on stderr: with a usage error commander
 * has already written it.
 */
export async function runProgram(program: Command, argv: readonly string[]): Promise<number> {
  exitByThrowing(program);
  try {
    await program.parseAsync([...argv]);
    return Number(process.exitCode ?? ExitCode.Done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
    process.stderr.write(`${program.name()}: ${oneLine(error)}\n`);
    return exitCodeOf(error);
  }
}

function exitByThrowing(command: Command): void {
  command.exitOverride();
  command.configureOutput({
    outputError: (text, write) => write(text.replace(/^error: /, `${command.name()}: `)),
  });
  for (const child of command.commands) exitByThrowing(child);
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const firstLine = text.split('\n')[0]!;
  return error instanceof OvercallError ? firstLine : `internal error: ${firstLine}`;
}

/** A commander argument parser for numbers. */
export function numberOption(what: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < minimum || value > maximum) {
      const range =
        maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
      throw new InvalidArgumentError(`${what} is a number ${range}.`);
    }
    return value;
  };
}

import type { ProgramName } from '@overcall/release';
import { programFile, sharedCode } from './built-programs.ts';
import { Program } from './program.ts';

/** One of the programs, as built, with `--json` and on loopback: no router is asked for anything. */
export function startProgram(
  program: ProgramName,
  argv: readonly string[],
  { name = program, env = {} }: { name?: string; env?: Record<string, string> } = {},
): Program {
  return new Program(name, [process.execPath, programFile(program), ...argv, '--json'], {
    env: { ...sharedCode(), OVERCALL_NO_PORT_MAPPING: '1', ...env },
  });
}

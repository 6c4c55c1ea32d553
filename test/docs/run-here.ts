import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { runProgram } from '@overcall/cli';
import { vi } from 'vitest';
import { runCli as runDirectory } from '../../apps/directory/src/cli/program.ts';
import { createProgram } from '../../apps/softphone/src/program.ts';
import { runCli as runSupernode } from '../../apps/supernode/src/cli/program.ts';

/** The three commands, run in this process: much faster than a process for each of a hundred errors. */
const PROGRAMS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  overcall: (args) => runProgram(createProgram(), args),
  'overcall-supernode': runSupernode,
  'overcall-directory': runDirectory,
};

export interface Ending {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `[program, ...args]` with these variables and this on standard input, no terminal anywhere. */
export async function runHere(
  [program, ...args]: readonly string[],
  { env = {}, input = [] }: { env?: Record<string, string>; input?: string[] } = {},
): Promise<Ending> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const before = new Set(signals.flatMap((name) => process.listeners(name)));
  // Each run adds its own, as each process would.
  for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(0);
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk);
      return true;
    });
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from(input) as typeof process.stdin);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  try {
    return { code: await PROGRAMS[program!]!(args), ...written };
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    // What would have gone with the process.
    for (const name of signals)
      for (const listener of process.listeners(name)) if (!before.has(listener)) process.off(name, listener);
  }
}

/** Every file below, with a digest of its content: what a command that fails leaves as it is. */
export function contentOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(folder, name);
      if (!lstatSync(path).isFile()) return name;
      return `${name} ${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)}`;
    });
}

import { constants } from 'node:os';
import { ExitCode } from '@overcall/cli';
import { isLabRequired } from './check.ts';
import type { LabErrorCode } from './errors.ts';

/** What automake and others take for "skipped". */
export const SKIPPED = 77;

/** The lab failed: nothing is known about the programs. */
export const LAB_FAILED = 3;

export const codeWhenImpossible = (): number => (isLabRequired() ? ExitCode.Error : SKIPPED);

/** How a command ends that an error has ended. */
export function exitCodeOfLabError(code: LabErrorCode): number {
  if (code === 'lab-impossible') return codeWhenImpossible();
  return code === 'bad-scenario' || code === 'unknown-node' ? ExitCode.Usage : ExitCode.Error;
}

/** As a shell tells it: 128 and the number of the signal. */
export const exitCodeOfProgram = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + constants.signals[signal!];

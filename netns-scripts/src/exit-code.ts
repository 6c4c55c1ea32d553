import { constants } from 'node:os';
import { ExitCode } from '@overcall/cli';
import { isLabRequired } from './check.ts';
import type { LabErrorCode } from './errors.ts';
import type { Outcome } from './outcome.ts';

/** What automake and others take for "skipped". */
const SKIPPED = 77;

/** The lab failed: nothing is known about the programs. */
const LAB_FAILED = 3;

const codeWhenImpossible = (): number => (isLabRequired() ? ExitCode.Error : SKIPPED);

/** How `run`, `matrix` and `capture` end. */
export const exitCodeOfOutcome = (outcome: Outcome): number =>
  ({ passed: ExitCode.Done, failed: ExitCode.Error, lab: LAB_FAILED, skipped: codeWhenImpossible() })[
    outcome
  ];

const USAGE: ReadonlySet<LabErrorCode> = new Set(['bad-scenario', 'unknown-node', 'bad-folder']);

/** How a command ends that an error has ended. */
export function exitCodeOfLabError(code: LabErrorCode): number {
  if (code === 'lab-impossible') return codeWhenImpossible();
  return USAGE.has(code) ? ExitCode.Usage : ExitCode.Error;
}

/** As a shell tells it: 128 and the number of the signal. */
export const exitCodeOfProgram = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + constants.signals[signal!];

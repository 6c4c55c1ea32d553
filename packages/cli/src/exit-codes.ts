import { OvercallError } from '@overcall/wire';
import { ExitCode } from './exit-code.ts';
import { REMEDIES } from './remedies.ts';

export { ExitCode } from './exit-code.ts';

/** What a command ends with that this error ended. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof OvercallError)) return ExitCode.Error;
  return REMEDIES.get(error.code)?.exit ?? ExitCode.Error;
}

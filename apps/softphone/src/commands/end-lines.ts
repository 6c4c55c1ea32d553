import { errorLine } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import type { SoftphoneEvent } from '../softphone-options.ts';

/** What ended without a direct path although one was required. */
export function noDirectPath(name: string): OvercallError {
  return new OvercallError('not-direct', `no direct path to ${name} was found`);
}

/** The error of which an event `refused` tells. */
export function refusalIn({ code, message, remedy }: SoftphoneEvent): OvercallError {
  return new OvercallError(String(code), String(message), typeof remedy === 'string' ? { remedy } : {});
}

/** The line about a refusal, where there was one. */
export function lineOf(refusal: OvercallError | null): string | null {
  return refusal === null ? null : errorLine(refusal);
}

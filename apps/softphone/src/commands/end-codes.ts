import type { EndReason } from '@overcall/call';
import { ExitCode, exitCodeOf } from '@overcall/cli';
import type { OvercallError } from '@overcall/wire';
import type { SoftphoneEvent } from '../softphone-options.ts';

const CODE_BY_REASON: Record<EndReason, number> = {
  hangup: ExitCode.Done,
  'remote-hangup': ExitCode.Done,
  declined: ExitCode.BusyOrDeclined,
  busy: ExitCode.BusyOrDeclined,
  timeout: ExitCode.Unreachable,
  unreachable: ExitCode.Unreachable,
  failed: ExitCode.Error,
};

/** The exit code of the contract for how a call ended; `refusal` is what was told before. */
export function exitCodeOfEnd(event: SoftphoneEvent, refusal: OvercallError | null = null): number {
  return refusal !== null ? exitCodeOf(refusal) : CODE_BY_REASON[event.reason as EndReason];
}

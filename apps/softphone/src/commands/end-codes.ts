import type { EndReason } from '@overcall/call';
import { ExitCode } from '@overcall/cli';
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

/** The exit code of the contract for how a call ended. */
export function exitCodeOfEnd(event: SoftphoneEvent): number {
  return CODE_BY_REASON[event.reason as EndReason];
}

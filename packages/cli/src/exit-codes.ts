import { OvercallError } from '@overcall/wire';

/** Exit codes of the command-line contract. */
export const ExitCode = {
  Done: 0,
  Error: 1,
  Usage: 2,
  Unreachable: 3,
  BusyOrDeclined: 4,
  NotAuthorised: 5,
  NotDirect: 6,
  Interrupted: 130,
} as const;

/** Codes of OvercallError that end a command with something other than 1. */
const EXIT_BY_ERROR: Record<string, number> = {
  usage: ExitCode.Usage,
  'username-invalid': ExitCode.Usage,
  'recording-missing': ExitCode.Usage,
  'recording-unreadable': ExitCode.Usage,
  'recording-not-wav': ExitCode.Usage,
  'recording-empty': ExitCode.Usage,
  'audio-spec-unknown': ExitCode.Usage,
  'recording-unwritable': ExitCode.Usage,
  'insecure-directory': ExitCode.Usage,
  'bad-directory-url': ExitCode.Usage,
  'config-invalid': ExitCode.Usage,
  'directory-unreachable': ExitCode.Unreachable,
  'supernode-unreachable': ExitCode.Unreachable,
  'no-supernodes': ExitCode.Unreachable,
  'unknown-user': ExitCode.Unreachable,
  'not-attached': ExitCode.Unreachable,
  'certificate-expired': ExitCode.NotAuthorised,
  'certificate-invalid': ExitCode.NotAuthorised,
  'certificate-wrong-directory': ExitCode.NotAuthorised,
  'directory-key-changed': ExitCode.NotAuthorised,
  'contact-key-changed': ExitCode.NotAuthorised,
  'safety-number-differs': ExitCode.NotAuthorised,
  'device-revoked': ExitCode.NotAuthorised,
  'registration-closed': ExitCode.NotAuthorised,
  'invite-needed': ExitCode.NotAuthorised,
  'invite-invalid': ExitCode.NotAuthorised,
  'not-direct': ExitCode.NotDirect,
};

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof OvercallError)) return ExitCode.Error;
  return EXIT_BY_ERROR[error.code] ?? ExitCode.Error;
}

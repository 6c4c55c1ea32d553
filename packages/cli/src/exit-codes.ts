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

/**
 * Codes of OvercallError that end a command with something other than 1. A flag, value or file that a person gave
 * is usage; files that the program keeps itself (keys, state) are not.
 */
const EXIT_BY_ERROR: Readonly<Record<string, number>> = {
  usage: ExitCode.Usage,
  'username-invalid': ExitCode.Usage,
  'bad-address': ExitCode.Usage,
  'bad-allow-net': ExitCode.Usage,
  'bad-access-rule': ExitCode.Usage,
  'bad-directory-url': ExitCode.Usage,
  'bad-proxy': ExitCode.Usage,
  'insecure-directory': ExitCode.Usage,
  'audio-spec-unknown': ExitCode.Usage,
  'audio-program-unknown': ExitCode.Usage,
  'recording-missing': ExitCode.Usage,
  'recording-unreadable': ExitCode.Usage,
  'recording-not-wav': ExitCode.Usage,
  'recording-empty': ExitCode.Usage,
  'recording-unwritable': ExitCode.Usage,
  'tls-file-unusable': ExitCode.Usage,
  'backup-unusable': ExitCode.Usage,
  'export-unusable': ExitCode.Usage,
  'passphrase-too-short': ExitCode.Usage,
  'file-exists': ExitCode.Usage,
  'control-unusable': ExitCode.Usage,
  'message-invalid': ExitCode.Usage,
  'directory-unreachable': ExitCode.Unreachable,
  'supernode-unreachable': ExitCode.Unreachable,
  'supernode-certificate-differs': ExitCode.Unreachable,
  draining: ExitCode.Unreachable,
  overloaded: ExitCode.Unreachable,
  'not-ready': ExitCode.Unreachable,
  'list-expired': ExitCode.Unreachable,
  'not-listed': ExitCode.Unreachable,
  'no-supernodes': ExitCode.Unreachable,
  'unknown-user': ExitCode.Unreachable,
  'not-attached': ExitCode.Unreachable,
  'certificate-expired': ExitCode.NotAuthorised,
  'certificate-invalid': ExitCode.NotAuthorised,
  'certificate-wrong-directory': ExitCode.NotAuthorised,
  'directory-key-changed': ExitCode.NotAuthorised,
  'contact-key-changed': ExitCode.NotAuthorised,
  'certificate-conflict': ExitCode.NotAuthorised,
  'passphrase-wrong': ExitCode.NotAuthorised,
  'safety-number-differs': ExitCode.NotAuthorised,
  'device-revoked': ExitCode.NotAuthorised,
  'not-allowed': ExitCode.NotAuthorised,
  'registration-closed': ExitCode.NotAuthorised,
  'invite-needed': ExitCode.NotAuthorised,
  'invite-invalid': ExitCode.NotAuthorised,
  'approval-needed': ExitCode.NotAuthorised,
  'supernode-removed': ExitCode.NotAuthorised,
  'not-direct': ExitCode.NotDirect,
  interrupted: ExitCode.Interrupted,
};

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof OvercallError)) return ExitCode.Error;
  return EXIT_BY_ERROR[error.code] ?? ExitCode.Error;
}

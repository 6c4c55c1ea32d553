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

import { OvercallError } from '@overcall/wire';

/** Errors of the operating system that a person can do something about, in words. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use already; is this program running twice?',
  EADDRNOTAVAIL: 'is not an address of this machine',
  EACCES: 'may not be opened by this user',
};

/** An error as the one line that a person reads. What others sent (a refusal, say) must not steer the terminal. */
export function errorLine(error: unknown): string {
  return withoutControls(describe(error));
}

/** Text without control and format characters: no escape sequences, no carriage returns, no overrides. */
export function withoutControls(text: string): string {
  return text.replace(/\p{C}/gu, '\ufffd');
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `internal error: ${String(error)}`;
  const message = error.message.split('\n', 1)[0]!;
  if (error instanceof OvercallError) return message;
  const { code, address, port, path } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const known = SYSTEM_ERRORS[code ?? ''];
  if (known === undefined) return `internal error: ${message}`;
  if (address === undefined) return `${path ?? 'a file'} ${known}`;
  return `${port === undefined ? address : `${address}:${port}`} ${known}`;
}

import { OvercallError } from '@overcall/wire';

/** A result: one line of JSON with `--json`, else the text. */
export function print(json: boolean, result: object, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${text}\n`);
}

/** Exit codes of the command-line contract. */
export const Exit = { Done: 0, Error: 1, Usage: 2, Unreachable: 3, NotAuthorised: 5 } as const;

const EXIT_BY_CODE: Readonly<Record<string, number>> = {
  'bad-option': Exit.Usage,
  'bad-address': Exit.Usage,
  'bad-allow-net': Exit.Usage,
  'bad-directory-url': Exit.Usage,
  'insecure-directory': Exit.Usage,
  'key-file-open': Exit.Usage,
  'key-file-damaged': Exit.Usage,
  'tls-files-damaged': Exit.Usage,
  'directory-unreachable': Exit.Unreachable,
  'supernode-unreachable': Exit.Unreachable,
  'directory-key-changed': Exit.NotAuthorised,
  'supernode-removed': Exit.NotAuthorised,
};

/** Errors of the operating system that an operator can do something about, in words. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use already; is another supernode running?',
  EADDRNOTAVAIL: 'is not an address of this machine',
  EACCES: 'may not be opened by this user',
};

/** Prints an error as one line and returns the exit code. */
export function reportError(error: unknown): number {
  process.stderr.write(`error: ${lineOf(error)}\n`);
  return error instanceof OvercallError ? (EXIT_BY_CODE[error.code] ?? Exit.Error) : Exit.Error;
}

function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, address, port, path } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const known = SYSTEM_ERRORS[code ?? ''];
  if (known === undefined) return error.message.split('\n', 1)[0]!;
  return address === undefined ? `${path ?? 'a file'} ${known}` : `${address}:${port} ${known}`;
}

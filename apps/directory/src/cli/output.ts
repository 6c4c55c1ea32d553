import { OvercallError } from '@overcall/wire';

/** A result: one line of JSON with `--json`, else the text. */
export function print(json: boolean, result: object, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${text}\n`);
}

/** Exit codes of the command-line contract. */
export const EXIT_ERROR = 1;
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** What a person gave us is wrong: a flag, a file, a value. All other codes exit 1. */
const USAGE_CODES = new Set([
  'bad-option',
  'key-file-open',
  'key-file-damaged',
  'key-file-unreadable',
  'tls-file-unusable',
  'backup-unusable',
  'file-exists',
]);

/** Prints an error as one line and returns the exit code. */
export function reportError(error: unknown): number {
  const line = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
  process.stderr.write(`error: ${line}\n`);
  if (error instanceof OvercallError) return USAGE_CODES.has(error.code) ? EXIT_USAGE : EXIT_ERROR;
  if (error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`);
  return EXIT_ERROR;
}

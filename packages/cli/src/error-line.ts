import { OvercallError } from '@overcall/wire';
import { REMEDIES } from './remedies.ts';

/** Errors of the operating system that a person can do something about, in words. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use already; is this program running twice?',
  EADDRNOTAVAIL: 'is not an address of this machine; give one that is',
  EACCES: 'may not be opened by this user; change its permissions, or use another',
};

/**
 * An error as the one line that a person reads, with what to do next. What others sent (a refusal, say) must not
 * steer the terminal. `command` is what was typed, such as `overcall call`.
 */
export function errorLine(error: unknown, command = 'overcall'): string {
  return withoutControls(describe(error, command));
}

/** What to do next about an error, null where its message says it. */
function remedyOf(error: OvercallError, command = 'overcall'): string | null {
  const known = REMEDIES.get(error.code);
  const next = error.remedy ?? (known?.isInMessage ? undefined : known?.next);
  return next?.replaceAll('{command}', command) ?? null;
}

/** An error as programs get it, in events and in answers to requests. `remedy` is null where the message says it. */
export function errorFields(error: unknown): { code: string; message: string; remedy: string | null } {
  const { code = 'error', message } = error as Error & { code?: string };
  return { code, message, remedy: error instanceof OvercallError ? remedyOf(error) : null };
}

/** Text without control and format characters: no escape sequences, no carriage returns, no overrides. */
export function withoutControls(text: string): string {
  return text.replace(/\p{C}/gu, '\ufffd');
}

function describe(error: unknown, command: string): string {
  if (!(error instanceof Error)) return `internal error: ${String(error)}`;
  const message = error.message.split('\n', 1)[0]!;
  if (error instanceof OvercallError) {
    const next = remedyOf(error, command);
    return next === null ? message : `${message}; ${next}`;
  }
  const { code, address, port, path } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const known = SYSTEM_ERRORS[code ?? ''];
  if (known === undefined) return `internal error: ${message}; report it, with --log-level debug`;
  if (address === undefined) return `${path ?? 'a file'} ${known}`;
  return `${port === undefined ? address : `${address}:${port}`} ${known}`;
}

import type { Writable } from 'node:stream';
import { OvercallError } from '@overcall/wire';

/** What a full disk, a quota and a limit of size say, errno(3). */
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Whether there is no room for what is printed. Any other error of an output means that nobody reads it any more. */
export function isOutputFull(error: NodeJS.ErrnoException): boolean {
  return FULL.has(error.code);
}

/**
 * Looks whether what a command prints finds room: a script that keeps it in a file must not take half of it for all. That
 * nobody reads it any more (`| head`) is no fault.
 */
export class OutputWatch {
  readonly #output: Writable;
  #trouble: OvercallError | null = null;

  constructor(output: Writable) {
    this.#output = output;
    output.on('error', this.#handleError);
  }

  readonly #handleError = (cause: NodeJS.ErrnoException): void => {
    if (!isOutputFull(cause)) return;
    this.#trouble ??= new OvercallError('output-unwritable', `not all could be printed (${cause.code})`, {
      cause,
    });
  };

  /** What has become of what was printed; null when all is well. */
  async close(): Promise<OvercallError | null> {
    // Node tells of an error after what printed is over.
    await new Promise((resolve) => setImmediate(resolve));
    this.#output.off('error', this.#handleError);
    return this.#trouble;
  }
}

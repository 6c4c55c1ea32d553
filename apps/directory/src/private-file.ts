import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { OvercallError } from '@overcall/wire';

/**
 * Files that hold keys: mode 0600, written whole or not at all.
 */
export function writePrivateFile(file: string, content: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  syncDirectory(dirname(file));
}

/** Makes a rename in `directory` survive a power cut. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/**
 * Reads a file that nobody else may read; null when there is none.
 * @throws OvercallError `key-file-open`, `key-file-unreadable`
 */
export function readPrivateFile(file: string): string | null {
  try {
    const { mode } = statSync(file);
    if ((mode & 0o077) !== 0) {
      throw new OvercallError('key-file-open', `key file ${file} is open to others; run: chmod 600 ${file}`);
    }
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof OvercallError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    const reason = (cause as Error).message;
    throw new OvercallError('key-file-unreadable', `key file ${file} cannot be read: ${reason}`, { cause });
  }
}

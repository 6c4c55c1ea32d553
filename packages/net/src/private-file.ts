import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { OvercallError } from '@overcall/wire';
import { makePrivateFolder } from './data-folder.ts';

/** Files of keys and state: mode 0600, in folders of mode 0700, written whole or not at all. */

/**
 * A crash leaves the old file or the new one. With `durable` so does a power cut; that takes an fsync, which keeps
 * the process waiting for as long as the disk likes: not for what can be fetched again. `mayReplace` is asked at the last
 * moment; false when it says no, and everything is as before.
 */
export function writePrivateFile(
  file: string,
  content: string,
  { durable = true, mayReplace = () => true }: { durable?: boolean; mayReplace?: () => boolean } = {},
): boolean {
  makePrivateFolder(dirname(file));
  const temporary = `${file}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  try {
    writeNew(temporary, content, durable);
    if (!mayReplace()) {
      rmSync(temporary);
      return false;
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (durable) syncDirectory(dirname(file));
  return true;
}

function writeNew(file: string, content: string, durable: boolean): void {
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    // Not writeSync: a disk that is nearly full takes a part of it and says so by a number alone.
    writeFileSync(descriptor, content);
    if (durable) fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes a rename in `directory` survive a power cut. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Null when there is no such file. */
export function readFileIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Reads a file that nobody else may read; null when there is none.
 * @throws OvercallError `key-file-open`, `key-file-unreadable`
 */
export function readPrivateFile(file: string): string | null {
  try {
    const mode = statSync(file).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      const found = `key file ${file} is open to others (mode ${mode.toString(8)})`;
      throw new OvercallError('key-file-open', found, { remedy: `close it: chmod 600 ${file}` });
    }
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof OvercallError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new OvercallError('key-file-unreadable', `key file ${file} cannot be read (${code})`, { cause });
  }
}

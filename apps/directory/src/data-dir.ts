import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OvercallError } from '@overcall/wire';

/** Where a directory keeps its things. */
export interface DataDir {
  path: string;
  databaseFile: string;
  keyFile: string;
}

/** @throws OvercallError `data-dir-unusable` */
export function openDataDir(path: string): DataDir {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unusable(path, cause);
  }
  return {
    path,
    databaseFile: join(path, 'directory.sqlite'),
    keyFile: join(path, 'key.json'),
  };
}

/**
 * Makes this process the only one that serves from (or restores into) the data directory. The lock is SQLite's on
 * a file of its own: the kernel drops it with the process, however that ends.
 *
 * @returns what gives the lock back
 * @throws OvercallError `data-dir-in-use`, `data-dir-unusable`
 */
export function lockDataDir({ path }: DataDir): () => void {
  let lock: DatabaseSync;
  try {
    lock = new DatabaseSync(join(path, 'lock'));
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    if (/locked/.test((cause as Error).message)) {
      throw new OvercallError('data-dir-in-use', `another overcall-directory is running on ${path}`);
    }
    throw unusable(path, cause);
  }
  return () => {
    if (lock.isOpen) lock.close();
  };
}

function unusable(path: string, cause: unknown): OvercallError {
  const reason = (cause as Error).message;
  return new OvercallError('data-dir-unusable', `data directory ${path} cannot be used: ${reason}`, {
    cause,
  });
}

import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OvercallError } from '@overcall/wire';

/**
 * Makes a folder and those above it, for this user only. Not by Node's `recursive`: where a file system says ENOENT to whoever
 * makes a folder (procfs, autofs) that asks again without end.
 */
export function makePrivateFolder(path: string): void {
  const above = dirname(path);
  if (!existsSync(above)) makePrivateFolder(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // It was there, or somebody else has made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** The folder in which a service keeps its things. @throws OvercallError `data-dir-unusable` */
export function openDataFolder(path: string): void {
  try {
    makePrivateFolder(path);
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/**
 * Makes this process the only one that uses the folder. The lock is SQLite's on a file of its own: the kernel drops it with the
 * process, however that ends.
 *
 * @returns what gives the lock back
 * @throws OvercallError `data-dir-in-use`, `data-dir-unusable`
 */
export function lockDataFolder(path: string, program: string): () => void {
  // Not imported: softphones load this package, too, and need none of it at their start.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  try {
    const file = join(path, 'lock');
    closeSync(openSync(file, 'a', 0o600));
    const lock = new DatabaseSync(file);
    lock.exec('BEGIN EXCLUSIVE');
    return () => {
      if (lock.isOpen) lock.close();
    };
  } catch (cause) {
    if (/locked/.test((cause as Error).message)) {
      throw new OvercallError('data-dir-in-use', `another ${program} is running on ${path}`);
    }
    throw unusable(path, cause);
  }
}

function unusable(path: string, cause: unknown): OvercallError {
  const reason = (cause as Error).message;
  return new OvercallError('data-dir-unusable', `data directory ${path} cannot be used: ${reason}`, {
    cause,
  });
}

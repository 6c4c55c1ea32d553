import { join } from 'node:path';
import { lockDataFolder, openDataFolder } from '@overcall/net';

/** Where a directory keeps its things. */
export interface DataDir {
  path: string;
  databaseFile: string;
  keyFile: string;
}

/** @throws OvercallError `data-dir-unusable` */
export function openDataDir(path: string): DataDir {
  openDataFolder(path);
  return {
    path,
    databaseFile: join(path, 'directory.sqlite'),
    keyFile: join(path, 'key.json'),
  };
}

/**
 * Makes this process the only one that serves from (or restores into) the data directory.
 *
 * @returns what gives the lock back
 * @throws OvercallError `data-dir-in-use`, `data-dir-unusable`
 */
export const lockDataDir = ({ path }: DataDir): (() => void) => lockDataFolder(path, 'overcall-directory');

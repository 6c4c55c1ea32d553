import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { LabError } from './errors.ts';

/** Where whoever starts the lab is: npm itself starts it in the top folder. */
export const startFolder = (): string => resolve(process.env.INIT_CWD ?? '.');

/** A path as it was given on the command line, seen from there. */
export const givenPath = (path: string): string => resolve(startFolder(), path);

/**
 * Makes a folder, and those around it, if there is none yet.
 * @throws LabError `bad-folder`
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw badFolder(path, cause);
  }
}

export const badFolder = (path: string, cause: unknown): LabError =>
  new LabError('bad-folder', `cannot write to the folder ${path}: ${(cause as Error).message}`, { cause });

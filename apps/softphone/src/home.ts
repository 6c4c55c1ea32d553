import { rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readFileIfThere, readPrivateFile, writePrivateFile } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** Where a softphone keeps its files. */
export interface Home {
  dataDir: string;
}

/** Reads a state file; null when there is none. Files with keys (`secret`) must not be open to others. */
export function readState<Schema extends TSchema>(
  home: Home,
  file: string,
  schema: Schema,
  secret = false,
): Static<Schema> | null {
  const path = join(home.dataDir, file);
  const text = secret ? readPrivateFile(path) : readStateText(path);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (Value.Check(schema, value)) return value as Static<Schema>;
  } catch {
    // Falls through to the one message for every kind of damage.
  }
  throw new OvercallError(
    'state-damaged',
    `${path} is damaged`,
    secret ? { remedy: 'put back a copy, or overcall import an export (else the name is lost)' } : {},
  );
}

function readStateText(path: string): string | null {
  try {
    return readFileIfThere(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('state-unreadable', `${path} cannot be read (${code})`, { cause });
  }
}

/** Writes a state file so that a crash leaves the old or the new one, readable by this user only. */
export function writeState(home: Home, file: string, value: unknown): void {
  const path = join(home.dataDir, file);
  try {
    writePrivateFile(path, `${JSON.stringify(value, null, 2)}\n`);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('state-unwritable', `${path} cannot be written (${code})`, { cause });
  }
}

export function removeState(home: Home, file: string): void {
  rmSync(join(home.dataDir, file), { force: true });
}

/** The folder, when nothing is in it. */
export function removeIfEmpty(home: Home): void {
  try {
    rmdirSync(home.dataDir);
  } catch {
    // Somebody has put something there.
  }
}

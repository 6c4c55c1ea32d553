import { rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readFileIfThere, readPrivateFile, writePrivateFile } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** So often a change is made anew because another process was quicker; then the last one wins. */
const MAX_UPDATES = 10;

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

/** Writes a state file so that a crash leaves the old or the new one, readable by this user only; see {@link writePrivateFile}. */
export function writeState(
  home: Home,
  file: string,
  value: unknown,
  options: { durable?: boolean; mayReplace?: () => boolean } = {},
): boolean {
  const path = join(home.dataDir, file);
  try {
    return writePrivateFile(path, `${JSON.stringify(value, null, 2)}\n`, options);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('state-unwritable', `${path} cannot be written (${code})`, { cause });
  }
}

/**
 * Changes a state file that other processes of this user change, too: all softphones of a home write down the end of a call at
 * the same moment. `changed` reads it and says what is to be in it, and is asked again when somebody has written meanwhile,
 * which takes as long as the disk likes. Between the last look and the change are some microseconds.
 */
export function updateState(home: Home, file: string, changed: () => unknown): void {
  const path = join(home.dataDir, file);
  for (let attempt = 1; ; attempt++) {
    const before = stampOf(path);
    const value = changed();
    const mayReplace = () => attempt >= MAX_UPDATES || stampOf(path) === before;
    if (writeState(home, file, value, { mayReplace })) return;
  }
}

/** Another one whenever the file is another one. */
function stampOf(path: string): string {
  try {
    const { ino, ctimeNs } = statSync(path, { bigint: true });
    return `${ino} ${ctimeNs}`;
  } catch {
    // There is none, or it cannot be read, which reading it says.
    return '';
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

import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { OvercallError } from '@overcall/wire';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** Where a softphone keeps its files. With `--home` everything is in one folder, else in the XDG folders. */
export interface Home {
  configFile: string;
  stateDir: string;
}

export function openHome(homeOption: string | undefined): Home {
  if (homeOption !== undefined) return { configFile: join(homeOption, 'config.json'), stateDir: homeOption };
  const config = process.env.XDG_CONFIG_HOME || join(homedir(), '.config');
  const data = process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share');
  return { configFile: join(config, 'overcall', 'config.json'), stateDir: join(data, 'overcall') };
}

/** Reads a state file; null when there is none. Files with keys (`secret`) must not be open to others. */
export function readState<Schema extends TSchema>(
  home: Home,
  file: string,
  schema: Schema,
  secret = false,
): Static<Schema> | null {
  const path = join(home.stateDir, file);
  let text: string;
  try {
    if (secret) refuseOpenPermissions(path);
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof OvercallError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new OvercallError('state-unreadable', `${path} cannot be read (${code})`, { cause });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (Value.Check(schema, value)) return value as Static<Schema>;
  } catch {
    // Falls through to the one message for every kind of damage.
  }
  throw new OvercallError('state-damaged', `${path} is damaged; restore it from a backup or remove it`);
}

function refuseOpenPermissions(path: string): void {
  const { mode } = statSync(path);
  if ((mode & 0o077) === 0) return;
  throw new OvercallError(
    'key-file-open',
    `${path} can be read by others (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${path}`,
  );
}

/** Writes a state file so that a crash leaves the old or the new one, readable by this user only. */
export function writeState(home: Home, file: string, value: unknown): void {
  const path = join(home.stateDir, file);
  try {
    mkdirSync(home.stateDir, { recursive: true, mode: 0o700 });
    const temporary = `${path}.${process.pid}.new`;
    writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
    chmodSync(temporary, 0o600);
    renameSync(temporary, path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('state-unwritable', `${path} cannot be written (${code})`, { cause });
  }
}

import { KnownDirectory } from '@overcall/net';
import { type Home, readState, writeState } from './home.ts';
import { readAccount } from './profile.ts';

const FILE = 'directory.json';

/** The directory that this home has to do with, its key pinned: where its user is registered, else the one used last. */
export function rememberedDirectory(home: Home): KnownDirectory | undefined {
  return readAccount(home)?.directory ?? readState(home, FILE, KnownDirectory) ?? undefined;
}

/** Until somebody registers: then the directory is kept with the certificates. */
export function rememberDirectory(home: Home, directory: KnownDirectory): void {
  if (readAccount(home) !== null) return;
  const before = readState(home, FILE, KnownDirectory);
  if (JSON.stringify(before) !== JSON.stringify(directory)) writeState(home, FILE, directory);
}

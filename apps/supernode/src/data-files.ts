import { join } from 'node:path';
import type { SigningPrivateKey } from '@overcall/identity';
import {
  KnownDirectory,
  loadOrCreateSigningKey,
  lockDataFolder,
  openDataFolder,
  readFileIfThere,
  writePrivateFile,
} from '@overcall/net';
import { Value } from 'typebox/value';

/**
 * Files of a supernode: `identity.json`, `directory.json` (the pinned directory), `supernodes.jws` (newest list) and
 * the TLS key and certificate.
 */
export class DataFiles {
  readonly directory: string;
  #unlock = () => {};

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * Nobody else is this supernode: a second one would take its place in the list.
   * @throws OvercallError `data-dir-in-use`, `data-dir-unusable`
   */
  lock(): void {
    openDataFolder(this.directory);
    this.#unlock = lockDataFolder(this.directory, 'overcall-supernode');
  }

  unlock(): void {
    this.#unlock();
  }

  /** @throws OvercallError `key-file-open`, `key-file-unreadable`, `key-file-damaged` */
  identityKey(): Promise<SigningPrivateKey> {
    return loadOrCreateSigningKey(join(this.directory, 'identity.json'));
  }

  /** The directory pinned at first contact; null before it, and for another URL. */
  pinnedDirectory(url: string): KnownDirectory | null {
    const known = this.lastDirectory();
    return known?.url === url ? known : null;
  }

  /** The one of the last start; null before the first one. */
  lastDirectory(): KnownDirectory | null {
    const text = readFileIfThere(join(this.directory, 'directory.json'));
    const known = text === null ? null : parse(text);
    return Value.Check(KnownDirectory, known) ? known : null;
  }

  savePinnedDirectory(known: KnownDirectory): void {
    const [file, text] = [join(this.directory, 'directory.json'), JSON.stringify(known)];
    if (readFileIfThere(file) !== text) writePrivateFile(file, text);
  }

  list(): string | null {
    return readFileIfThere(join(this.directory, 'supernodes.jws'));
  }

  /** Not worth making every relayed call wait for the disk: it can be fetched again. */
  saveList(token: string): void {
    writePrivateFile(join(this.directory, 'supernodes.jws'), token, { durable: false });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

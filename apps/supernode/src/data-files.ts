import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSigningKey, SigningPrivateKey } from '@overcall/identity';
import { KnownDirectory } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import { Value } from 'typebox/value';

/**
 * Files of a supernode: `identity.json` (0600), `directory.json` (the pinned directory), `supernodes.jws` (newest
 * list) and the TLS key and certificate.
 */
export class DataFiles {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** @throws OvercallError `key-file-open`, `key-file-damaged` */
  async identityKey(): Promise<SigningPrivateKey> {
    const file = join(this.directory, 'identity.json');
    const text = await readIfThere(file);
    if (text === null) {
      const key = await generateSigningKey();
      await this.#write('identity.json', JSON.stringify(key), 0o600);
      return key;
    }
    if (((await stat(file)).mode & 0o077) !== 0) {
      throw new OvercallError('key-file-open', `${file} can be read by others; run: chmod 600 ${file}`);
    }
    const key = parse(text);
    if (Value.Check(SigningPrivateKey, key)) return key;
    throw new OvercallError(
      'key-file-damaged',
      `${file} is not a key file; restore it or remove it for a new identity`,
    );
  }

  /** The directory pinned at first contact; null before it, and for another URL. */
  async pinnedDirectory(url: string): Promise<KnownDirectory | null> {
    const text = await readIfThere(join(this.directory, 'directory.json'));
    const known = text === null ? null : parse(text);
    return Value.Check(KnownDirectory, known) && known.url === url ? known : null;
  }

  savePinnedDirectory(known: KnownDirectory): Promise<void> {
    return this.#write('directory.json', JSON.stringify(known), 0o644);
  }

  list(): Promise<string | null> {
    return readIfThere(join(this.directory, 'supernodes.jws'));
  }

  saveList(token: string): Promise<void> {
    return this.#write('supernodes.jws', token, 0o644);
  }

  /** Writes beside and renames, so that a crash never leaves half a file. */
  async #write(name: string, text: string, mode: number): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const file = join(this.directory, name);
    await writeFile(`${file}.new`, text, { mode });
    await rename(`${file}.new`, file);
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

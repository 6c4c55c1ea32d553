import { statSync } from 'node:fs';
import { openWithPassphrase, SigningPrivateKey, sealWithPassphrase } from '@overcall/identity';
import { KnownDirectory, readFileIfThere, writePrivateFile } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import Type, { type Static } from 'typebox';
import { Value } from 'typebox/value';
import { Contacts } from './contacts.ts';

/** What makes somebody who they are, to be taken to another machine: the identity key, not that of a device. */
const ExportedIdentity = Type.Object({
  overcall: Type.Literal('identity'),
  version: Type.Literal(1),
  name: Type.String({ minLength: 1, maxLength: 64 }),
  directory: KnownDirectory,
  identity: SigningPrivateKey,
  contacts: Contacts,
});
export type ExportedIdentity = Omit<Static<typeof ExportedIdentity>, 'overcall' | 'version'>;

/** Larger than any list of contacts; more is no export. */
const MAX_FILE_CHARACTERS = 64 * 1024 * 1024;

/** @throws OvercallError `passphrase-too-short`, `export-unusable` */
export async function writeExport(
  file: string,
  exported: ExportedIdentity,
  passphrase: string,
): Promise<void> {
  const content = JSON.stringify({ overcall: 'identity', version: 1, ...exported });
  const sealed = await sealWithPassphrase(content, passphrase);
  try {
    writePrivateFile(file, `${sealed}\n`);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('export-unusable', `${file} cannot be written (${code})`, {
      cause,
      remedy: 'choose a folder with room that exists and may be written',
    });
  }
}

/**
 * Whatever its mode: it is sealed, and often comes over a stick or a mail, which keep no modes.
 * @throws OvercallError `export-unusable`, `passphrase-wrong`
 */
export async function readExport(file: string, passphrase: string): Promise<ExportedIdentity> {
  const sealed = readText(file);
  if (sealed === null) throw new OvercallError('export-unusable', `there is no file ${file}`);
  if (sealed.length > MAX_FILE_CHARACTERS || !/^[\w-]+(\.[\w-]*){4}\s*$/.test(sealed)) {
    throw new OvercallError('export-unusable', `${file} was not made by overcall export`);
  }
  const content = parsed(await openWithPassphrase(sealed, passphrase));
  if (!Value.Check(ExportedIdentity, content)) {
    throw new OvercallError('export-unusable', `${file} was made by another version of overcall export`);
  }
  const { overcall: _, version: __, ...exported } = content;
  return exported;
}

function readText(file: string): string | null {
  try {
    return readFileIfThere(file);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('export-unusable', `${file} cannot be read (${code})`, { cause });
  }
}

/** Others may guess at the passphrase of a file that they can read, for as long as they like. */
export function isOpenToOthers(file: string): boolean {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  return (mode & 0o077) !== 0;
}

/** Null for what is no JSON: somebody else's file with the same passphrase. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

import { createPublicKey } from 'node:crypto';
import { generateSigningKey, keyIdOf, SigningPrivateKey } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import { Value } from 'typebox/value';
import type { DataDir } from './data-dir.ts';
import type { Signer } from './list-publisher.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

/** Reads the directory's key, and makes one the first time. */
export async function loadSigner(dataDir: DataDir | null): Promise<Signer> {
  const text = dataDir === null ? null : readPrivateFile(dataDir.keyFile);
  const key = text === null ? await generateSigningKey() : parseKey(text, dataDir!.keyFile);
  if (text === null && dataDir !== null) writePrivateFile(dataDir.keyFile, `${JSON.stringify(key)}\n`);
  return { key, keyId: await keyIdOf(key) };
}

/** @throws OvercallError `key-file-damaged` */
export function parseKey(text: string, file: string): SigningPrivateKey {
  try {
    const key: unknown = JSON.parse(text);
    if (Value.Check(SigningPrivateKey, key) && publicHalf(key) === key.x) {
      const { kty, crv, x, d } = key;
      return { kty, crv, x, d };
    }
  } catch {}
  throw new OvercallError(
    'key-file-damaged',
    `key file ${file} is damaged; put back a copy or restore a backup`,
  );
}

/** A private key and another's public one would sign what nobody can check. */
function publicHalf(key: SigningPrivateKey): string | undefined {
  return createPublicKey({ key: { ...key }, format: 'jwk' }).export({ format: 'jwk' }).x;
}

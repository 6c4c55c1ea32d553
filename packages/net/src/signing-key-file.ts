import { createPublicKey } from 'node:crypto';
import { generateSigningKey, SigningPrivateKey } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import { Value } from 'typebox/value';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

/**
 * The signing key kept in a file (a JWK); made at first use.
 * @throws OvercallError `key-file-open`, `key-file-unreadable`, `key-file-damaged`
 */
export async function loadOrCreateSigningKey(file: string): Promise<SigningPrivateKey> {
  const text = readPrivateFile(file);
  if (text !== null) return parseSigningKey(text, file);
  const key = await generateSigningKey();
  writePrivateFile(file, `${JSON.stringify(key)}\n`);
  return key;
}

/** @throws OvercallError `key-file-damaged`, naming `file` */
export function parseSigningKey(text: string, file: string): SigningPrivateKey {
  try {
    const key: unknown = JSON.parse(text);
    if (Value.Check(SigningPrivateKey, key) && publicHalf(key) === key.x) {
      const { kty, crv, x, d } = key;
      return { kty, crv, x, d };
    }
  } catch {
    // Falls through to the one message for every kind of damage.
  }
  throw new OvercallError('key-file-damaged', `key file ${file} is damaged`);
}

/** A private key and another's public one would sign what nobody can check. */
function publicHalf(key: SigningPrivateKey): string | undefined {
  return createPublicKey({ key: { ...key }, format: 'jwk' }).export({ format: 'jwk' }).x;
}

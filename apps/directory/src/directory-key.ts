import { hkdfSync } from 'node:crypto';
import { generateSigningKey, keyIdOf } from '@overcall/identity';
import { loadOrCreateSigningKey } from '@overcall/net';
import type { DataDir } from './data-dir.ts';
import type { Signer } from './list-publisher.ts';

/** Reads the directory's key, and makes one the first time. */
export async function loadSigner(dataDir: DataDir | null): Promise<Signer> {
  const key = dataDir === null ? await generateSigningKey() : await loadOrCreateSigningKey(dataDir.keyFile);
  return { key, keyId: await keyIdOf(key) };
}

/** A secret that all processes with this key have in common; another one for each use. */
export function sharedSecret({ key }: Signer, use: 'challenges' | 'witnesses'): Uint8Array {
  const salt = 'overcall-directory';
  return new Uint8Array(hkdfSync('sha256', Buffer.from(key.d, 'base64url'), salt, use, 32));
}

import { generateSigningKey, keyIdOf } from '@overcall/identity';
import { loadOrCreateSigningKey } from '@overcall/net';
import type { DataDir } from './data-dir.ts';
import type { Signer } from './list-publisher.ts';

/** Reads the directory's key, and makes one the first time. */
export async function loadSigner(dataDir: DataDir | null): Promise<Signer> {
  const key = dataDir === null ? await generateSigningKey() : await loadOrCreateSigningKey(dataDir.keyFile);
  return { key, keyId: await keyIdOf(key) };
}

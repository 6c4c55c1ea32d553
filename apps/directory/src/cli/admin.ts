import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createOutput } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import { backUp, readBackup, restore } from '../backup.ts';
import { type DataDir, openDataDir } from '../data-dir.ts';
import { loadSigner } from '../directory-key.ts';
import type { Signer } from '../list-publisher.ts';
import { backUpNats, restoreIntoNats } from '../nats/backup.ts';
import { inviteHash } from '../registry.ts';
import { openDatabase } from '../sqlite-schema.ts';
import type { Store, SupernodeStatus } from '../store.ts';
import { openExistingStore, type ServingStore, serveFromNats } from '../store-opening.ts';
import { SqliteStore } from '../store-sqlite.ts';
import { dataDirOf, type Settings } from './settings.ts';

/** What an operator does beside a running directory, on the same store. */

export async function showKey(settings: Settings): Promise<void> {
  const { key, keyId } = await signerOf(settings);
  createOutput(settings.json).result({ key: key.x, keyId }, key.x);
}

/** Of a store that several share, its key; making another one beside would help nobody. */
async function signerOf(settings: Settings): Promise<Signer> {
  const dataDir = openDataDir(dataDirOf(settings));
  if (settings.store === 'sqlite') return loadSigner(dataDir);
  const { signer, close } = await serveFromNats(settings.store, dataDir);
  await close();
  return signer;
}

/** Invites may be made before the directory has ever run. */
async function openForInvites(settings: Settings): Promise<Pick<ServingStore, 'store' | 'close'>> {
  const dataDir = openDataDir(dataDirOf(settings));
  if (settings.store !== 'sqlite') return serveFromNats(settings.store, dataDir);
  const store = new SqliteStore(openDatabase(dataDir.databaseFile));
  return { store, close: () => store.close() };
}

export async function makeInvites(settings: Settings): Promise<void> {
  const { store, close } = await openForInvites(settings);
  try {
    for (let i = 0; i < settings.count; i++) {
      const invite = randomBytes(16).toString('base64url');
      const createdAtMs = Date.now();
      const expiresAtMs = createdAtMs + settings.days * 86_400_000;
      const kind = settings.supernode === true ? 'supernode' : 'user';
      await store.addInvite({ hash: inviteHash(invite), kind, createdAtMs, expiresAtMs });
      createOutput(settings.json).result({ invite, expiresAt: expiresAtMs }, invite);
    }
  } finally {
    await close();
  }
}

export function listUsers(settings: Settings): Promise<void> {
  return withStore(settings, async (store) => {
    for (const { name, keyId, createdAtMs } of await store.users()) {
      const line = `${name}\t${keyId}\t${new Date(createdAtMs).toISOString()}`;
      createOutput(settings.json).result({ name, keyId, createdAt: createdAtMs }, line);
    }
  });
}

export function listSupernodes(settings: Settings): Promise<void> {
  return withStore(settings, async (store) => {
    for (const { keyId, status, entry, updatedAtMs } of await store.supernodes()) {
      const line = `${keyId}\t${status}\t${entry.name}\t${[...entry.udp, ...entry.control].join(' ')}`;
      createOutput(settings.json).result({ keyId, status, entry, updatedAt: updatedAtMs }, line);
    }
  });
}

export function setSupernodeStatus(
  settings: Settings,
  keyId: string,
  status: SupernodeStatus,
): Promise<void> {
  return withStore(settings, async (store) => {
    const before = await store.supernode(keyId);
    if (before === null) {
      throw new OvercallError('unknown-supernode', `no supernode ${keyId} has asked for admission`);
    }
    await store.putSupernode({ ...before, status, updatedAtMs: Date.now() });
    createOutput(settings.json).result({ keyId, status }, `${before.entry.name} (${keyId}) is ${status}`);
  });
}

export async function makeBackup(settings: Settings, file: string): Promise<void> {
  const force = settings.force === true;
  if (settings.store === 'sqlite') await backUp(existingDataDir(settings), file, { force });
  else await backUpNats(settings.store, existingDataDir(settings), file, { force });
  createOutput(settings.json).result({ file }, `${file} holds the directory's key: keep it safe`);
}

export async function restoreBackup(settings: Settings, file: string): Promise<void> {
  // Before a folder is made for it.
  readBackup(file);
  const dataDir = openDataDir(dataDirOf(settings));
  const force = settings.force === true;
  const { store } = settings;
  if (store === 'sqlite') restore(dataDir, file, { force });
  else await restoreIntoNats(store, dataDir, file, { force });
  const where = store === 'sqlite' ? dataDir.path : `${store}, the key into ${dataDir.path}`;
  createOutput(settings.json).result({ data: dataDir.path, store: String(store) }, `restored into ${where}`);
}

async function withStore(settings: Settings, work: (store: Store) => Promise<void>): Promise<void> {
  const store = await openExistingStore(settings.store, () => existingDataDir(settings));
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

function existingDataDir(settings: Settings): DataDir {
  const path = dataDirOf(settings);
  if (!existsSync(path)) throw new OvercallError('no-directory', `there is no directory in ${path}`);
  return openDataDir(path);
}

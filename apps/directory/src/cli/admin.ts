import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createOutput } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import { backUp, readBackup, restore } from '../backup.ts';
import { type DataDir, openDataDir } from '../data-dir.ts';
import { loadSigner } from '../directory-key.ts';
import { inviteHash } from '../registry.ts';
import { openDatabase } from '../sqlite-schema.ts';
import type { Store, SupernodeStatus } from '../store.ts';
import { SqliteStore } from '../store-sqlite.ts';
import { dataDirOf, type Settings } from './settings.ts';

/** What an operator does beside a running directory, on the same database. */

export async function showKey(settings: Settings): Promise<void> {
  const { key, keyId } = await loadSigner(openDataDir(dataDirOf(settings)));
  createOutput(settings.json).result({ key: key.x, keyId }, key.x);
}

export async function makeInvites(settings: Settings): Promise<void> {
  const dataDir = openDataDir(dataDirOf(settings));
  const store = new SqliteStore(openDatabase(dataDir.databaseFile));
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
    await store.close();
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
  await backUp(existingDataDir(settings), file, { force: settings.force === true });
  createOutput(settings.json).result({ file }, `${file} holds the directory's key: keep it safe`);
}

export function restoreBackup(settings: Settings, file: string): void {
  // Before a folder is made for it.
  readBackup(file);
  const dataDir = openDataDir(dataDirOf(settings));
  restore(dataDir, file, { force: settings.force === true });
  createOutput(settings.json).result({ data: dataDir.path }, `restored into ${dataDir.path}`);
}

async function withStore(settings: Settings, work: (store: Store) => Promise<void>): Promise<void> {
  const store = new SqliteStore(openDatabase(existingDataDir(settings).databaseFile));
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

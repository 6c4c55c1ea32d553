import { randomBytes } from 'node:crypto';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { keyIdOf } from '@overcall/identity';
import { parseSigningKey, readPrivateFile, writePrivateFile } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import { readBackup, refuseExisting, writeBackup } from '../backup.ts';
import { type DataDir, lockDataDir } from '../data-dir.ts';
import { openDatabase } from '../sqlite-schema.ts';
import type { NatsPlace } from '../store-choice.ts';
import { StoreTables } from '../store-tables.ts';
import { storeError } from './connection.ts';
import { fillLog } from './fill-log.ts';
import { openNatsStore, openStreams } from './nats-store.ts';
import { FORMAT } from './record-codec.ts';
import { Replica } from './replica.ts';

/** Copies what is on a JetStream into a file of the one form, with the key that is in the data folder. */
export async function backUpNats(
  place: NatsPlace,
  dataDir: DataDir,
  file: string,
  options: { force: boolean },
): Promise<void> {
  refuseExisting(file, options);
  const key = readPrivateFile(dataDir.keyFile);
  const { ledger, store } = await openNatsStore(place);
  try {
    if (ledger.keyId === null || key === null) {
      const where = key === null ? dataDir.path : String(place);
      throw new OvercallError('no-directory', `there is no directory in ${where}`);
    }
    await ledger.claim(await keyIdOf(parseSigningKey(key, dataDir.keyFile)));
    await writeBackup(ledger.tables.database, key, file);
  } finally {
    await store.close();
  }
}

/**
 * Puts a backup into a JetStream, and the key into the data folder. Directories that run on it stop serving meanwhile, and go
 * on with what was restored when their key is the same.
 */
export async function restoreIntoNats(
  place: NatsPlace,
  dataDir: DataDir,
  file: string,
  { force }: { force: boolean },
): Promise<void> {
  const key = readBackup(file);
  const keyId = await keyIdOf(parseSigningKey(key, file));
  const unlock = lockDataDir(dataDir);
  const temporary = join(dataDir.path, 'restore.sqlite');
  try {
    const known = readPrivateFile(dataDir.keyFile);
    if (known !== null && known !== key && !force) throw isInUse(dataDir.path);
    copyFileSync(file, temporary);
    // Opened for writing: it may be of an older version.
    const copy = new StoreTables(openDatabase(temporary));
    try {
      await replaceRecords(place, copy, { keyId, force });
    } finally {
      copy.database.close();
    }
    writePrivateFile(dataDir.keyFile, key);
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(temporary + suffix, { force: true });
    unlock();
  }
}

async function replaceRecords(
  place: NatsPlace,
  copy: StoreTables,
  { keyId, force }: { keyId: string; force: boolean },
): Promise<void> {
  const { log, shelf } = await openStreams(place);
  const replica = new Replica(log, shelf, new StoreTables(openDatabase(':memory:')), () => {});
  try {
    const last = await log.lastSequence();
    replica.start();
    await replica.reach(last, 600_000);
    if (replica.directory !== null && !force) throw isInUse(String(place));
    const leastVersion = replica.tables.listHead().published?.version ?? 0;
    const directory = {
      kind: 'directory',
      format: FORMAT,
      keyId,
      generation: randomBytes(8).toString('hex'),
    } as const;
    await fillLog({ log, shelf }, copy, { directory, afterSequence: last, leastVersion });
  } catch (error) {
    throw storeError(place, error as Error);
  } finally {
    await replica.stop();
    await log.close();
  }
}

function isInUse(where: string): OvercallError {
  return new OvercallError('file-exists', `${where} holds a directory already`, {
    remedy: 'replace it with --force, or name another place',
  });
}

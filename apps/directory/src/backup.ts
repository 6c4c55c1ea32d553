import { closeSync, copyFileSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { parseSigningKey, readPrivateFile, syncDirectory, writePrivateFile } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import { type DataDir, lockDataDir } from './data-dir.ts';
import { openDatabase } from './sqlite-schema.ts';

/** Copies a directory that keeps its data in SQLite; the running one is not disturbed. */
export async function backUp(dataDir: DataDir, file: string, options: { force: boolean }): Promise<void> {
  refuseExisting(file, options);
  const key = existsSync(dataDir.databaseFile) ? readPrivateFile(dataDir.keyFile) : null;
  if (key === null) throw new OvercallError('no-directory', `there is no directory in ${dataDir.path}`);
  parseSigningKey(key, dataDir.keyFile);
  const source = openDatabase(dataDir.databaseFile);
  try {
    await writeBackup(source, key, file);
  } finally {
    source.close();
  }
}

/** @throws OvercallError `file-exists` */
export function refuseExisting(file: string, { force }: { force: boolean }): void {
  if (existsSync(file) && !force) throw new OvercallError('file-exists', `${file} exists`);
}

/**
 * A backup is one SQLite file, wherever the store is: the tables and, in one of its own, the directory's key, without which
 * nobody would know the restored directory again. Hence mode 0600.
 */
export async function writeBackup(source: DatabaseSync, key: string, file: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    // Made beforehand, so that the key is never in a file that others may read.
    closeSync(openSync(temporary, 'wx', 0o600));
    await backup(source, temporary);
    addKey(temporary, key);
    moveIntoPlace(temporary, file);
  } catch (cause) {
    throw new OvercallError('backup-failed', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  } finally {
    rmSync(temporary, { force: true });
  }
}

function addKey(file: string, key: string): void {
  const copy = new DatabaseSync(file);
  copy.exec('PRAGMA journal_mode = DELETE; CREATE TABLE backup_key (key TEXT NOT NULL) STRICT;');
  copy.prepare('INSERT INTO backup_key VALUES (?)').run(key);
  copy.close();
}

/**
 * Puts a backup into a data directory that nobody is using. The next supernode list is signed anew with a higher
 * version than any before: the version follows the clock, and the one found in the data directory is respected.
 */
export function restore(dataDir: DataDir, file: string, options: { force: boolean }): void {
  const unlock = lockDataDir(dataDir);
  const temporary = `${dataDir.databaseFile}.restore`;
  try {
    const isInUse = existsSync(dataDir.databaseFile) || existsSync(dataDir.keyFile);
    if (isInUse && !options.force) {
      throw new OvercallError('file-exists', `${dataDir.path} holds a directory already`, {
        remedy: 'replace it with --force, or name another folder with --data',
      });
    }
    const key = readBackup(file);
    copyFileSync(file, temporary);
    prepare(temporary, newestListVersion(dataDir));
    for (const suffix of ['-wal', '-shm']) rmSync(dataDir.databaseFile + suffix, { force: true });
    moveIntoPlace(temporary, dataDir.databaseFile);
    writePrivateFile(dataDir.keyFile, key);
  } finally {
    rmSync(temporary, { force: true });
    unlock();
  }
}

/** Checks a backup and returns the key in it. @throws OvercallError `backup-unusable` */
export function readBackup(file: string): string {
  if (!existsSync(file)) throw new OvercallError('backup-unusable', `there is no file ${file}`);
  let copy: DatabaseSync | undefined;
  try {
    copy = new DatabaseSync(file, { readOnly: true });
    const check = copy.prepare('PRAGMA integrity_check').get() as { integrity_check: string };
    if (check.integrity_check !== 'ok') throw new Error('it is damaged');
    const { key } = copy.prepare('SELECT key FROM backup_key').get() as { key: string };
    parseSigningKey(key, file);
    return key;
  } catch (cause) {
    const message = `${file} is not a whole backup of an overcall-directory`;
    throw new OvercallError('backup-unusable', message, { cause });
  } finally {
    copy?.close();
  }
}

function newestListVersion(dataDir: DataDir): number {
  if (!existsSync(dataDir.databaseFile)) return 0;
  try {
    const old = openDatabase(dataDir.databaseFile);
    const row = old.prepare('SELECT version FROM list').get() as { version: number } | undefined;
    old.close();
    return row?.version ?? 0;
  } catch {
    // Damaged, which is why it is replaced: the clock is left to go by.
    return 0;
  }
}

function prepare(file: string, leastVersion: number): void {
  const database = openDatabase(file);
  // The key's pages are overwritten: it belongs into the key file only.
  database.exec(
    'PRAGMA secure_delete = ON; DROP TABLE backup_key; UPDATE content SET revision = revision + 1;',
  );
  database.prepare('UPDATE list SET version = max(version, ?)').run(leastVersion);
  database.exec('PRAGMA journal_mode = DELETE;');
  database.close();
}

function moveIntoPlace(from: string, to: string): void {
  const descriptor = openSync(from, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(from, to);
  syncDirectory(dirname(to));
}

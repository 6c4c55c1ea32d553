import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DiskLog } from './disk-log.ts';

let folder: string;
let path: string;
/** How often each file was brought to the disk. */
const synced = { log: 0, folder: 0 };
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-log-'));
  path = join(folder, 'database');
  const probe = await open(folder, 'r');
  const handles = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  Object.assign(synced, { log: 0, folder: 0 });
  vi.spyOn(handles, 'datasync').mockImplementation(async () => void synced.log++);
  vi.spyOn(handles, 'sync').mockImplementation(async () => void synced.folder++);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

it('serves all who wait with one more fsync, but nobody with one that had begun before', async () => {
  writeFileSync(`${path}-wal`, '');
  const log = new DiskLog(path);
  await log.flush();
  expect(synced).toEqual({ log: 1, folder: 1 });
  const running = log.flush();
  // It has begun when the next three come.
  await Promise.resolve().then(() => {});
  const waiting = [log.flush(), log.flush(), log.flush()];
  await running;
  expect(synced.log).toBe(2);
  await Promise.all(waiting);
  expect(synced).toEqual({ log: 3, folder: 1 });
  await log.close();
});

it('has nothing to do where the database has no log', async () => {
  const log = new DiskLog(path);
  await log.flush();
  expect(synced.log).toBe(0);
  await log.close();
});

it('says when the disk fails, and tries again the next time', async () => {
  writeFileSync(`${path}-wal`, '');
  const log = new DiskLog(path);
  const { datasync } = Object.getPrototypeOf(await open(folder, 'r')) as FileHandle;
  vi.mocked(datasync).mockRejectedValueOnce(new Error('EIO'));
  await expect(log.flush()).rejects.toThrow('EIO');
  await log.flush();
  await log.close();
});

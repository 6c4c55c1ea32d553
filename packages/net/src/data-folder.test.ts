import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockDataFolder, makePrivateFolder, openDataFolder } from './data-folder.ts';

const withCode = (code: string) => expect.objectContaining({ code });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'overcall-folder-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('makes a folder and those above it for this user only, and leaves one that is there', () => {
  const path = join(root, 'a', 'b');
  makePrivateFolder(path);
  makePrivateFolder(path);
  for (const each of [path, join(root, 'a')]) expect(statSync(each).mode & 0o777).toBe(0o700);
});

it('says that it cannot, also where a file system denies that there is a place for it', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  for (const path of [file, join(file, 'below'), ...(existsSync('/proc') ? ['/proc/nope', '/proc/a/b'] : [])])
    expect(() => openDataFolder(path), path).toThrow(withCode('data-dir-unusable'));
});

it('is used by one at a time', () => {
  const unlock = lockDataFolder(root, 'a-program');
  expect(() => lockDataFolder(root, 'a-program')).toThrow(withCode('data-dir-in-use'));
  expect(statSync(join(root, 'lock')).mode & 0o777).toBe(0o600);
  unlock();
  lockDataFolder(root, 'a-program')();
  expect(() => lockDataFolder(join(root, 'nowhere'), 'a-program')).toThrow(withCode('data-dir-unusable'));
});

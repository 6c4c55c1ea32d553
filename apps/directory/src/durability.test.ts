import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey } from '@overcall/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backUp, restore } from './backup.ts';
import { openDataDir } from './data-dir.ts';
import { startDirectory } from './start.ts';
import { entryOf, START_MS, TestDirectory } from './test-support.ts';

let root: string;
let dataDir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'overcall-directory-'));
  dataDir = join(root, 'data');
});
afterEach(() => rmSync(root, { recursive: true }));

const withCode = (code: string) => expect.objectContaining({ code });

describe('a directory that starts again', () => {
  it('knows its key, users, supernodes and revocations', async () => {
    const [key, supernode] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    const before = await TestDirectory.start({ dataDir });
    await before.register('alice', key);
    await before.admit(supernode);
    await before.revoke({ name: 'alice', identity: key }, 'd'.repeat(43));
    const list = await before.list();
    await before.close();

    const after = await TestDirectory.start({ dataDir });
    expect(after.directory.key).toEqual(before.directory.key);
    expect(await after.register('alice', key)).toMatchObject({ status: 200 });
    expect(await after.register('alice', supernode)).toMatchObject({ code: 'name-taken' });
    expect(await after.list()).toEqual(list);
    expect(list.supernodes).toMatchObject([entryOf(supernode)]);
    expect(list.index).toHaveLength(1);
    await after.close();
  });

  it('knows all it answered to, had it been killed in the middle of everything', async () => {
    const key = await generateSigningKey();
    const running = await TestDirectory.start({ dataDir });
    await running.register('alice', key);
    const copy = join(root, 'copy');
    mkdirSync(copy);
    for (const file of ['directory.sqlite', 'directory.sqlite-wal', 'key.json']) {
      copyFileSync(join(dataDir, file), join(copy, file));
    }
    chmodSync(join(copy, 'key.json'), 0o600);
    const after = await TestDirectory.start({ dataDir: copy });
    expect(await after.register('alice', key)).toMatchObject({ status: 200 });
    await Promise.all([running.close(), after.close()]);
  });

  it('takes no challenge of the time before', async () => {
    const key = await generateSigningKey();
    const before = await TestDirectory.start({ dataDir });
    const nonce = await before.nonce();
    await before.close();
    const after = await TestDirectory.start({ dataDir });
    after.nonce = async () => nonce;
    expect(await after.register('alice', key)).toMatchObject({ code: 'nonce-invalid' });
    await after.close();
  });

  it('is the only one on its data directory', async () => {
    const first = await startDirectory({ dataDir });
    await expect(startDirectory({ dataDir })).rejects.toThrow(withCode('data-dir-in-use'));
    await first.close();
    await (await startDirectory({ dataDir })).close();
  });
});

describe('files of a directory', () => {
  it('hold the key for nobody else', async () => {
    await (await startDirectory({ dataDir })).close();
    expect(statSync(join(dataDir, 'key.json')).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    chmodSync(join(dataDir, 'key.json'), 0o640);
    await expect(startDirectory({ dataDir })).rejects.toThrow(withCode('key-file-open'));
  });

  it.each([
    '',
    '{}',
    'nonsense',
    '{"kty":"OKP","crv":"Ed25519","x":"A","d":"A"}',
  ])('are refused with a damaged key: %j', async (content) => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'key.json'), content, { mode: 0o600 });
    await expect(startDirectory({ dataDir })).rejects.toThrow(withCode('key-file-damaged'));
  });

  it('are refused when the halves of the key do not belong together', async () => {
    mkdirSync(dataDir);
    const [one, other] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    writeFileSync(join(dataDir, 'key.json'), JSON.stringify({ ...one, x: other.x }), { mode: 0o600 });
    await expect(startDirectory({ dataDir })).rejects.toThrow(withCode('key-file-damaged'));
  });

  it('are refused when the database is damaged or not ours', async () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'directory.sqlite'), 'x'.repeat(8192));
    await expect(startDirectory({ dataDir })).rejects.toThrow(withCode('database-unusable'));
  });
});

describe('backup and restore', () => {
  it('bring everything back, with a list version above any before', async () => {
    const file = join(root, 'backup');
    const [key, supernode] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    const lost = await TestDirectory.start({ dataDir });
    await lost.register('alice', key);
    await lost.admit(supernode);
    const copied = await lost.list();
    await backUp(openDataDir(dataDir), file, { force: false });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    lost.clock.nowMs += 1000;
    await lost.admit(supernode, { name: 'later' });
    const newest = await lost.list();
    await lost.close();

    // The clock is behind: versions must grow all the same.
    restore(openDataDir(dataDir), file, { force: true });
    const restored = await TestDirectory.start({ dataDir }, START_MS - 5000);
    expect(restored.directory.key).toEqual(lost.directory.key);
    expect((await restored.list()).version).toBeGreaterThan(newest.version);
    expect((await restored.list()).supernodes).toEqual(copied.supernodes);
    expect((await restored.list()).index).toEqual(copied.index);
    expect(await restored.register('alice', key)).toMatchObject({ status: 200 });
    await restored.close();

    const elsewhere = openDataDir(join(root, 'elsewhere'));
    restore(elsewhere, file, { force: false });
    const moved = await TestDirectory.start({ dataDir: elsewhere.path });
    expect(moved.directory.keyId).toBe(lost.directory.keyId);
    expect((await moved.list()).version).toBeGreaterThan(copied.version);
    await moved.close();
  });

  it('replace nothing unless told to, and nothing in use', async () => {
    const file = join(root, 'backup');
    const running = await startDirectory({ dataDir });
    await backUp(openDataDir(dataDir), file, { force: false });
    await expect(backUp(openDataDir(dataDir), file, { force: false })).rejects.toThrow(
      withCode('file-exists'),
    );
    await backUp(openDataDir(dataDir), file, { force: true });
    const intoUse = () => restore(openDataDir(dataDir), file, { force: true });
    expect(intoUse).toThrow(withCode('data-dir-in-use'));
    await running.close();
    expect(() => restore(openDataDir(dataDir), file, { force: false })).toThrow(withCode('file-exists'));
    writeFileSync(file, 'not a backup');
    expect(intoUse).toThrow(withCode('backup-unusable'));
    await (await startDirectory({ dataDir })).close();
  });
});

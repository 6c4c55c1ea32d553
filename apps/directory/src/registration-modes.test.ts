import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey } from '@overcall/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataDir } from './data-dir.ts';
import { inviteHash } from './registry.ts';
import { openDatabase } from './sqlite-schema.ts';
import { SqliteStore } from './store-sqlite.ts';
import { START_MS, TestDirectory } from './test-support.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'overcall-directory-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

/** As the command line does it, beside the running directory. */
async function invite(code: string, expiresAtMs: number): Promise<void> {
  const store = new SqliteStore(openDatabase(openDataDir(dataDir).databaseFile));
  await store.addInvite({ hash: inviteHash(code), kind: 'user', createdAtMs: START_MS, expiresAtMs });
  await store.close();
}

describe('registration by invite', () => {
  it('takes each invite once', async () => {
    const test = await TestDirectory.start({ dataDir, registration: 'invite' });
    await invite('good', START_MS + 1000);
    const [alice, bob] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    expect(await test.register('alice', alice)).toMatchObject({ status: 403, code: 'invite-needed' });
    const invalid = { status: 403, code: 'invite-invalid' };
    expect(await test.register('alice', alice, 'wrong')).toMatchObject(invalid);
    expect(await test.register('alice', alice, 'good')).toMatchObject({ status: 201 });
    expect(await test.register('bob', bob, 'good')).toMatchObject(invalid);
    expect(await test.register('alice', alice)).toMatchObject({ status: 200 });
    await test.close();
  });

  it('does not use an invite up for a name that is taken', async () => {
    const test = await TestDirectory.start({ dataDir, registration: 'invite' });
    await invite('one', START_MS + 1000);
    await invite('two', START_MS + 1000);
    const [alice, bob] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    await test.register('alice', alice, 'one');
    expect(await test.register('alice', bob, 'two')).toMatchObject({ code: 'name-taken' });
    expect(await test.register('bob', bob, 'two')).toMatchObject({ status: 201 });
    await test.close();
  });

  it('refuses an invite that has expired', async () => {
    const test = await TestDirectory.start({ dataDir, registration: 'invite' });
    await invite('old', START_MS);
    const answer = await test.register('alice', await generateSigningKey(), 'old');
    expect(answer).toMatchObject({ status: 403, code: 'invite-invalid' });
    await test.close();
  });
});

describe('closed registration', () => {
  it('renews certificates and takes nobody new', async () => {
    const key = await generateSigningKey();
    const open = await TestDirectory.start({ dataDir });
    await open.register('alice', key);
    await open.close();
    const test = await TestDirectory.start({ dataDir, registration: 'closed' });
    expect(await test.register('alice', key)).toMatchObject({ status: 200 });
    expect(await test.register('bob', await generateSigningKey())).toMatchObject({
      status: 403,
      code: 'registration-closed',
    });
    await test.close();
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey, publicKeyOf, SupernodeAdmission, SupernodeDeparture } from '@overcall/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataDir } from './data-dir.ts';
import { inviteHash } from './registry.ts';
import { openDatabase } from './sqlite-schema.ts';
import type { InviteKind } from './store.ts';
import { SqliteStore } from './store-sqlite.ts';
import { entryOf, START_MS, TestDirectory } from './test-support.ts';

let dataDir: string;
let test: TestDirectory;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'overcall-directory-'));
});
afterEach(async () => {
  await test.close();
  rmSync(dataDir, { recursive: true });
});

/** As the command line does it, beside the running directory. */
async function invite(code: string, kind: InviteKind = 'supernode'): Promise<void> {
  const store = new SqliteStore(openDatabase(openDataDir(dataDir).databaseFile));
  await store.addInvite({
    hash: inviteHash(code),
    kind,
    createdAtMs: START_MS,
    expiresAtMs: START_MS + 1000,
  });
  await store.close();
}

describe('supernodes by invite', () => {
  it('come in with one each, and need none to come again', async () => {
    test = await TestDirectory.start({ dataDir, admission: 'invited' });
    await invite('good');
    const [one, two] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    expect(await test.admit(one)).toMatchObject({ status: 403, code: 'invite-needed' });
    expect(await test.admit(one, {}, 'bad')).toMatchObject({ status: 403, code: 'invite-invalid' });
    expect((await test.list()).supernodes).toEqual([]);
    expect(await test.admit(one, {}, 'good')).toMatchObject({ status: 200 });
    expect(await test.admit(two, {}, 'good')).toMatchObject({ status: 403, code: 'invite-invalid' });
    expect(await test.admit(one, { name: 'other' })).toMatchObject({ status: 200 });
    await test.depart(one);
    expect(await test.admit(one)).toMatchObject({ status: 200 });
  });

  it('need one for supernodes that is in time', async () => {
    test = await TestDirectory.start({ dataDir, admission: 'invited', registration: 'invite' });
    await invite('user', 'user');
    await invite('supernode');
    const key = await generateSigningKey();
    expect(await test.admit(key, {}, 'user')).toMatchObject({ code: 'invite-invalid' });
    expect(await test.register('alice', key, 'supernode')).toMatchObject({ code: 'invite-invalid' });
    test.clock.nowMs += 1000;
    expect(await test.admit(key, {}, 'supernode')).toMatchObject({ code: 'invite-invalid' });
  });
});

describe('a supernode that leaves', () => {
  it('is off the list, and dated anew when it comes back', async () => {
    test = await TestDirectory.start({ dataDir, admission: 'open' });
    const key = await generateSigningKey();
    await test.admit(key);
    const { status, body } = await test.depart(key);
    expect(status).toBe(200);
    expect((await test.list(body?.list)).supernodes).toEqual([]);
    expect(await test.depart(key)).toMatchObject({ status: 200 });
    test.clock.nowMs += 5000;
    await test.admit(key);
    expect((await test.list()).supernodes).toMatchObject([{ since: START_MS + 5000 }]);
  });

  it('is not brought back by an admission that was under way', async () => {
    test = await TestDirectory.start({ dataDir });
    const key = await generateSigningKey();
    await test.admit(key);
    const late = await test.sign(SupernodeAdmission, { entry: entryOf(key), nonce: await test.nonce() }, key);
    test.clock.nowMs += 100;
    await test.depart(key);
    expect(await test.request('POST', '/v1/supernodes', { admission: late })).toMatchObject({
      status: 400,
      code: 'nonce-invalid',
    });
    expect((await test.list()).supernodes).toEqual([]);
    expect(await test.admit(key)).toMatchObject({ status: 200 });
  });

  it('counts against what its network may change in an hour', async () => {
    test = await TestDirectory.start({ dataDir, growth: { supernodes: 2 } });
    test.remoteAddress = '192.0.2.1';
    const key = await generateSigningKey();
    await test.admit(key);
    await test.depart(key);
    expect(await test.admit(key)).toMatchObject({ status: 200 });
    await test.depart(key);
    expect(await test.admit(key)).toMatchObject({ status: 429, code: 'rate-limited' });
  });

  it('is the one that says so, now', async () => {
    test = await TestDirectory.start({ dataDir });
    const [key, other] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    await test.admit(key);
    const claims = { cnf: { jwk: publicKeyOf(key) }, nonce: await test.nonce() };
    const forged = await test.sign(SupernodeDeparture, claims, other);
    expect(await test.request('POST', '/v1/departures', { departure: forged })).toMatchObject({
      code: 'signature-invalid',
    });
    const departure = await test.sign(SupernodeDeparture, claims, key);
    await test.request('POST', '/v1/departures', { departure });
    await test.admit(key);
    expect(await test.request('POST', '/v1/departures', { departure })).toMatchObject({
      code: 'nonce-invalid',
    });
    expect((await test.list()).supernodes).toHaveLength(1);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  generateSigningKey,
  keyIdOf,
  SUPERNODE_LIST_LIFETIME_S,
  SupernodeAdmission,
} from '@overcall/identity';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openDataDir } from './data-dir.ts';
import { openDatabase } from './sqlite-schema.ts';
import { SqliteStore } from './store-sqlite.ts';
import { entryOf, START_MS, TestDirectory } from './test-support.ts';

let test: TestDirectory;
beforeEach(async () => {
  test = await TestDirectory.start();
});
afterEach(() => test.close());

describe('GET /v1/supernodes', () => {
  it('is a signed, empty list at first, dated by its version', async () => {
    const list = await test.list();
    expect(list).toMatchObject({ version: START_MS, supernodes: [], revokedDevices: [] });
    expect(list.exp - list.iat).toBe(SUPERNODE_LIST_LIFETIME_S);
  });

  it('answers 304 to whoever has it', async () => {
    const { headers } = await test.request('GET', '/v1/supernodes');
    expect(headers.etag).toBe(`"${START_MS}"`);
    const known = { 'if-none-match': String(headers.etag) };
    expect(await test.request('GET', '/v1/supernodes', undefined, known)).toMatchObject({
      status: 304,
      body: null,
    });
    await test.admit(await generateSigningKey());
    expect(await test.request('GET', '/v1/supernodes', undefined, known)).toMatchObject({ status: 200 });
  });

  it('is signed anew when less than half of its life is left', async () => {
    const first = await test.list();
    test.clock.nowMs += (SUPERNODE_LIST_LIFETIME_S * 1000) / 2;
    expect((await test.list()).version).toBe(first.version);
    test.clock.nowMs += 1;
    expect((await test.list()).version).toBe(test.clock.nowMs);
  });

  it('gets a higher version although the clock was set back', async () => {
    const first = await test.list();
    test.clock.nowMs -= 3_600_000;
    const { body } = await test.admit(await generateSigningKey());
    test.clock.nowMs += 3_600_000;
    expect((await test.list(body?.list)).version).toBe(first.version + 1);
  });
});

describe('POST /v1/supernodes', () => {
  it('admits a supernode and answers with the list that names it', async () => {
    const key = await generateSigningKey();
    const { status, body } = await test.admit(key);
    expect(status).toBe(200);
    expect((await test.list(body?.list)).supernodes).toMatchObject([entryOf(key)]);
  });

  it('does not change the list for an entry that is the same', async () => {
    const key = await generateSigningKey();
    const first = await test.admit(key);
    test.clock.nowMs += 60_000;
    expect((await test.admit(key)).body).toEqual(first.body);
  });

  it('takes a changed entry of the same key', async () => {
    const key = await generateSigningKey();
    const first = await test.list((await test.admit(key)).body?.list);
    const second = await test.list((await test.admit(key, { udp: ['192.0.2.9:1'] })).body?.list);
    expect(second.supernodes).toMatchObject([entryOf(key, { udp: ['192.0.2.9:1'] })]);
    expect(second.version).toBeGreaterThan(first.version);
  });

  it('names all of many that come at once', async () => {
    const keys = await Promise.all(Array.from({ length: 30 }, generateSigningKey));
    const answers = await Promise.all(keys.map((key) => test.admit(key)));
    for (const [i, { body }] of answers.entries()) {
      const { supernodes } = await test.list(body?.list);
      expect(supernodes.map((entry) => entry.key.x)).toContain(keys[i]!.x);
    }
    expect((await test.list()).supernodes).toHaveLength(30);
  });

  it('takes so many new supernodes an hour from one network, and the known ones always', async () => {
    const strict = await TestDirectory.start({ growth: { supernodes: 2 } });
    onTestFinished(() => strict.close());
    const keys = await Promise.all(Array.from({ length: 4 }, generateSigningKey));
    strict.remoteAddress = '192.0.2.1';
    expect(await strict.admit(keys[0]!)).toMatchObject({ status: 200 });
    strict.remoteAddress = '192.0.2.200';
    expect(await strict.admit(keys[1]!)).toMatchObject({ status: 200 });
    const refused = await strict.admit(keys[2]!);
    expect(refused).toMatchObject({ status: 429, code: 'rate-limited', headers: { 'retry-after': '3600' } });
    expect(await strict.admit(keys[0]!, { udp: ['192.0.2.9:1'] })).toMatchObject({ status: 429 });
    expect(await strict.admit(keys[0]!)).toMatchObject({ status: 200 });
    strict.remoteAddress = '198.51.100.1';
    expect(await strict.admit(keys[2]!)).toMatchObject({ status: 200 });
    strict.remoteAddress = '192.0.2.1';
    strict.clock.nowMs += 3_600_000;
    expect(await strict.admit(keys[3]!)).toMatchObject({ status: 200 });
    expect((await strict.list()).supernodes).toHaveLength(4);
  });

  it('refuses what another key signed, and an address that is nobody’s', async () => {
    const [key, other] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    const claims = { entry: entryOf(key), nonce: await test.nonce() };
    const admission = await test.sign(SupernodeAdmission, claims, other);
    expect(await test.request('POST', '/v1/supernodes', { admission })).toMatchObject({
      status: 400,
      code: 'signature-invalid',
    });
    expect(await test.admit(key, { control: ['0.0.0.0:443'] })).toMatchObject({
      status: 400,
      code: 'supernode-entry-invalid',
    });
    expect((await test.list()).supernodes).toEqual([]);
  });

  it('waits for the operator where admission is by approval, and stays out once removed', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'overcall-directory-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true }));
    const guarded = await TestDirectory.start({ admission: 'approved', dataDir });
    const beside = new SqliteStore(openDatabase(openDataDir(dataDir).databaseFile));
    const key = await generateSigningKey();
    const keyId = await keyIdOf(key);
    const decide = async (status: 'admitted' | 'removed') =>
      beside.putSupernode({ ...(await beside.supernode(keyId))!, status });

    const answer = await guarded.admit(key);
    expect(answer).toMatchObject({ status: 403, code: 'approval-needed' });
    expect(answer.body?.message).toContain(keyId);
    expect((await guarded.list()).supernodes).toEqual([]);
    const alice = await guarded.user('alice');
    const lookUp = async () => guarded.lookUp(alice, await guarded.receipt(key, alice), 'alice');
    expect(await lookUp()).toMatchObject({ status: 401, code: 'not-attached' });
    await decide('admitted');
    expect(await lookUp()).toMatchObject({ status: 200 });
    expect((await guarded.list()).supernodes).toMatchObject([entryOf(key)]);
    expect(await guarded.admit(key)).toMatchObject({ status: 200 });
    await decide('removed');
    expect(await lookUp()).toMatchObject({ status: 401, code: 'not-attached' });
    expect((await guarded.list()).supernodes).toEqual([]);
    expect(await guarded.admit(key)).toMatchObject({ status: 403, code: 'supernode-removed' });

    await beside.close();
    await guarded.close();
  });
});

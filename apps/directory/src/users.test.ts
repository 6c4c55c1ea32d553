import {
  DirectoryStatement,
  generateSigningKey,
  publicKeyOf,
  Registration,
  signingPublicKey,
  UserCertificate,
  verifyObject,
} from '@overcall/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SqliteStore } from './store-sqlite.ts';
import { TestDirectory } from './test-support.ts';

let test: TestDirectory;
beforeEach(async () => {
  test = await TestDirectory.start();
});
afterEach(() => test.close());

describe('GET /v1/directory', () => {
  it('states the key and the mode of registration, signed', async () => {
    const { body } = await test.request('GET', '/v1/directory');
    const { key, keyId } = test.directory;
    expect(body).toMatchObject({ key, keyId });
    const options = { audience: keyId, nowMs: test.clock.nowMs };
    const statement = await verifyObject(DirectoryStatement, body?.statement as string, key, options);
    expect(statement).toMatchObject({ cnf: { jwk: key }, registration: 'open' });
  });

  it('signs anew before the statement expires', async () => {
    const { key, keyId } = test.directory;
    await test.request('GET', '/v1/directory');
    test.clock.nowMs += 10 * 86_400_000;
    const { body } = await test.request('GET', '/v1/directory');
    const options = { audience: keyId, nowMs: test.clock.nowMs };
    await verifyObject(DirectoryStatement, body?.statement as string, key, options);
  });
});

describe('POST /v1/users', () => {
  it('certifies a new user for 30 days, under the canonical name', async () => {
    const key = await generateSigningKey();
    const { status, body } = await test.register('Alice', key);
    expect(status).toBe(201);
    const options = { audience: test.directory.keyId, nowMs: test.clock.nowMs };
    const claims = await verifyObject(
      UserCertificate,
      body?.certificate as string,
      test.directory.key,
      options,
    );
    expect(claims).toMatchObject({ sub: 'alice', cnf: { jwk: publicKeyOf(key) } });
    expect(claims.exp - claims.iat).toBe(30 * 86_400);
  });

  it('renews the certificate of the same name and key', async () => {
    const key = await generateSigningKey();
    await test.register('alice', key);
    test.clock.nowMs += 40 * 86_400_000;
    const { status, body } = await test.register('ALICE', key);
    expect(status).toBe(200);
    const options = { audience: test.directory.keyId, nowMs: test.clock.nowMs };
    await verifyObject(UserCertificate, body?.certificate as string, test.directory.key, options);
  });

  it.each([
    'alice',
    'ALICE',
    'Ａlice',
    'a1ice',
  ])('refuses %s to another key once alice is there', async (name) => {
    await test.register('alice', await generateSigningKey());
    const answer = await test.register(name, await generateSigningKey());
    expect(answer).toMatchObject({ status: 409, code: 'name-taken' });
  });

  it('refuses a second name to one key', async () => {
    const key = await generateSigningKey();
    await test.register('alice', key);
    expect(await test.register('bob', key)).toMatchObject({ status: 409, code: 'key-taken' });
  });

  it('gives one name to one of many who ask at once', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, generateSigningKey));
    const answers = await Promise.all(keys.map((key) => test.register('alice', key)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array(19).fill(409)]);
  });

  it.each(['al ice', 'аlice', '.alice', 'x'.repeat(33), '\u0000'])('refuses the name %j', async (name) => {
    const answer = await test.register(name, await generateSigningKey());
    expect(answer).toMatchObject({ status: 400, code: 'username-invalid' });
  });

  it('refuses a challenge that is old, used, or not its own', async () => {
    const key = await generateSigningKey();
    const send = async (nonce: string) => {
      const claims = { sub: 'alice', cnf: { jwk: publicKeyOf(key) }, nonce };
      return test.request('POST', '/v1/users', { registration: await test.sign(Registration, claims, key) });
    };
    const invalid = { status: 400, code: 'nonce-invalid' };
    expect(await send('made-up-by-myself')).toMatchObject(invalid);
    const nonce = await test.nonce();
    expect(await send(nonce)).toMatchObject({ status: 201 });
    expect(await send(nonce)).toMatchObject(invalid);
    const old = await test.nonce();
    test.clock.nowMs += 300_000;
    expect(await send(old)).toMatchObject(invalid);
  });

  it('refuses what the named key did not sign, for this directory, just now', async () => {
    const [key, other] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    const claims = { sub: 'alice', cnf: { jwk: publicKeyOf(key) }, nonce: await test.nonce() };
    const send = async (registration: string) => test.request('POST', '/v1/users', { registration });
    const bad = (code: string) => ({ status: 400, code });
    expect(await send(await test.sign(Registration, claims, other))).toMatchObject(bad('signature-invalid'));
    expect(await send('a.b.c')).toMatchObject(bad('signature-invalid'));
    expect(await send(await test.sign(Registration, claims, key, { audience: 'x' }))).toMatchObject(
      bad('signature-wrong-audience'),
    );
    const nowMs = test.clock.nowMs - 1_000_000;
    expect(await send(await test.sign(Registration, claims, key, { nowMs }))).toMatchObject(
      bad('signature-expired'),
    );
    const respelled = { ...claims, cnf: { jwk: signingPublicKey(`${key.x.slice(0, -1)}B`) } };
    expect(await send(await test.sign(Registration, respelled, key))).toMatchObject(bad('signature-invalid'));
    // None of these used the challenge up.
    expect(await send(await test.sign(Registration, claims, key))).toMatchObject({ status: 201 });
  });

  it('answers 500 and nothing else when the store fails', async () => {
    const broken = await TestDirectory.start();
    const original = SqliteStore.prototype.addUser;
    SqliteStore.prototype.addUser = () => Promise.reject(new Error('disk full at /secret/path'));
    try {
      const answer = await broken.register('alice', await generateSigningKey());
      expect(answer).toMatchObject({ status: 500, code: 'internal-error' });
      expect(JSON.stringify(answer.body)).not.toContain('secret');
    } finally {
      SqliteStore.prototype.addUser = original;
      await broken.close();
    }
  });
});

import {
  DirectoryLookup,
  generateSigningKey,
  keyIdOf,
  type SigningPrivateKey,
  UserCertificate,
  verifyObject,
} from '@overcall/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestDirectory, type TestUser } from './test-support.ts';

let test: TestDirectory;
let supernode: SigningPrivateKey;
let alice: TestUser;
let bob: TestUser;
beforeEach(async () => {
  test = await TestDirectory.start({ userRequestsPerMinute: 3 });
  supernode = await generateSigningKey();
  await test.admit(supernode);
  [alice, bob] = await Promise.all([test.user('alice'), test.user('bob')]);
});
afterEach(() => test.close());

describe('POST /v1/lookups', () => {
  it('tells an attached user who a name is', async () => {
    const { status, body } = await test.lookUp(alice, await test.receipt(supernode, alice), 'Bob');
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: 'bob', identityKey: { x: bob.identity.x } });
    const options = { audience: test.directory.keyId, nowMs: test.clock.nowMs };
    const claims = await verifyObject(
      UserCertificate,
      body?.certificate as string,
      test.directory.key,
      options,
    );
    expect(claims).toMatchObject({ sub: 'bob', cnf: { jwk: { x: bob.identity.x } } });
    expect(claims.exp - claims.iat).toBeLessThanOrEqual(86_400);
  });

  it('knows whom it does not know', async () => {
    const answer = await test.lookUp(alice, await test.receipt(supernode, alice), 'carol');
    expect(answer).toMatchObject({ status: 404, code: 'unknown-user' });
  });

  it('refuses whoever is not attached to a supernode of the list', async () => {
    const stranger = await generateSigningKey();
    const receipts = {
      'of a supernode that is not admitted': await test.receipt(stranger, alice),
      'in the name of an admitted one': await test.receipt(stranger, alice, {
        iss: await keyIdOf(supernode),
      }),
      'of another device': await test.receipt(supernode, bob),
      'of another name': await test.receipt(supernode, alice, { name: 'bob' }),
      'that is none': 'a.b.c',
    };
    for (const [which, receipt] of Object.entries(receipts)) {
      const answer = await test.lookUp(alice, receipt, 'bob');
      expect(answer, which).toMatchObject({ status: 401, code: 'not-attached' });
    }
  });

  it('refuses a receipt that has expired', async () => {
    const receipt = await test.receipt(supernode, alice);
    test.clock.nowMs += 600_000;
    expect(await test.lookUp(alice, receipt, 'bob')).toMatchObject({ status: 401, code: 'not-attached' });
  });

  it('refuses certificates that are expired, foreign or mixed up', async () => {
    const receipt = await test.receipt(supernode, alice);
    const mixed = { ...alice, chain: { user: bob.chain.user, device: alice.chain.device } };
    expect(await test.lookUp(mixed, receipt, 'bob')).toMatchObject({
      status: 401,
      code: 'certificate-invalid',
    });
    const elsewhere = await TestDirectory.start();
    const foreign = await elsewhere.user('alice');
    await elsewhere.close();
    expect(await test.lookUp(foreign, receipt, 'bob')).toMatchObject({
      status: 401,
      code: 'certificate-wrong-directory',
    });
    test.clock.nowMs += 31 * 86_400_000;
    expect(await test.lookUp(alice, receipt, 'bob')).toMatchObject({
      status: 401,
      code: 'certificate-expired',
    });
  });

  it('refuses a lookup that the device did not sign, or that was sent before', async () => {
    const receipt = await test.receipt(supernode, alice);
    const send = (lookup: string) =>
      test.request('POST', '/v1/lookups', { lookup, chain: alice.chain, receipt });
    const claims = { name: 'bob', nonce: await test.nonce() };
    const forged = await test.sign(DirectoryLookup, claims, bob.device);
    expect(await send(forged)).toMatchObject({ status: 400, code: 'signature-invalid' });
    const lookup = await test.sign(DirectoryLookup, claims, alice.device);
    expect(await send(lookup)).toMatchObject({ status: 200 });
    expect(await send(lookup)).toMatchObject({ status: 400, code: 'nonce-invalid' });
  });

  it('refuses a revoked device', async () => {
    const receipt = await test.receipt(supernode, alice);
    await test.revoke(alice, alice.deviceId);
    expect(await test.lookUp(alice, receipt, 'bob')).toMatchObject({ status: 401, code: 'device-revoked' });
  });

  it('limits how many names a user may try in a minute', async () => {
    const receipt = await test.receipt(supernode, alice);
    for (let i = 0; i < 3; i++) await test.lookUp(alice, receipt, `guess${i}`);
    const answer = await test.lookUp(alice, receipt, 'guess4');
    expect(answer).toMatchObject({ status: 429, code: 'rate-limited' });
    expect(answer.headers['retry-after']).toBe('60');
    expect(await test.lookUp(bob, await test.receipt(supernode, bob), 'alice')).toMatchObject({
      status: 200,
    });
  });
});

describe('POST /v1/revocations', () => {
  it('puts the device and its identity into the list', async () => {
    const before = await test.list();
    const { status, body } = await test.revoke(alice, alice.deviceId);
    expect(status).toBe(200);
    const list = await test.list(body?.list);
    expect(list.version).toBe(body?.version);
    expect(list.version).toBeGreaterThan(before.version);
    expect(list.revokedDevices).toEqual([{ identity: expect.any(String), device: alice.deviceId }]);
  });

  it('changes nothing the second time', async () => {
    const first = await test.revoke(alice, alice.deviceId);
    const second = await test.revoke(alice, alice.deviceId);
    expect(second.body).toEqual(first.body);
  });

  it('cannot be made for a device of another user', async () => {
    await test.revoke(bob, alice.deviceId);
    const answer = await test.lookUp(alice, await test.receipt(supernode, alice), 'bob');
    expect(answer).toMatchObject({ status: 200 });
  });

  it('is refused unless the identity key of that user signed it', async () => {
    const invalid = { status: 400, code: 'signature-invalid' };
    expect(await test.revoke({ name: 'alice', identity: bob.identity }, alice.deviceId)).toMatchObject(
      invalid,
    );
    expect(await test.revoke({ name: 'nobody', identity: bob.identity }, alice.deviceId)).toMatchObject(
      invalid,
    );
  });

  it('is bounded for each network, whoever revokes', async () => {
    const strict = await TestDirectory.start({ growth: { revocations: 1 } });
    const [carol, dave] = [await strict.user('carol'), await strict.user('dave')];
    strict.remoteAddress = '2001:db8:1:2::3';
    expect(await strict.revoke(carol, carol.deviceId)).toMatchObject({ status: 200 });
    strict.remoteAddress = '2001:db8:1:4::5';
    expect(await strict.revoke(dave, dave.deviceId)).toMatchObject({ status: 429, code: 'rate-limited' });
    expect(await strict.revoke(carol, carol.deviceId)).toMatchObject({ status: 200 });
    await strict.close();
  });

  it('is bounded for each user', async () => {
    const roomy = await TestDirectory.start({ userRequestsPerMinute: 1000 });
    const user = await roomy.user('alice');
    for (let i = 0; i < 32; i++) await roomy.revoke(user, String(i).padStart(43, 'd'));
    const answer = await roomy.revoke(user, 'x'.repeat(43));
    expect(answer).toMatchObject({ status: 503, code: 'list-full' });
    await roomy.close();
  });
});

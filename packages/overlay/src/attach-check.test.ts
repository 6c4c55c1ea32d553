import { RevokedDevices } from '@overcall/identity';
import { beforeAll, describe, expect, it } from 'vitest';
import { attachedUntilMs, checkAttach, checkPresence, checkRecord } from './attach-check.ts';
import type { Attachment } from './attachments.ts';
import {
  attachProof,
  presenceRecord,
  type TestDirectory,
  type TestUser,
  testDirectory,
  testUser,
} from './test-people.ts';

const NOW = 1_800_000_000_000;
const SUPERNODE = 'S'.repeat(43);
const NONCE = 'n'.repeat(22);

let directory: TestDirectory;
let alice: TestUser;
let mallory: TestUser;

beforeAll(async () => {
  directory = await testDirectory();
  alice = await testUser('alice', directory, NOW);
  mallory = await testUser('mallory', directory, NOW);
});

const revokedOf = (user?: TestUser) =>
  new RevokedDevices(user && [{ identity: user.identityId, device: user.deviceId }]);

const check = (
  chain: TestUser['chain'],
  proof: string,
  changes: { nowMs?: number; trust?: TestDirectory; revoked?: TestUser } = {},
) =>
  checkAttach(
    { chain, proof, serverNonce: NONCE },
    {
      directory: (changes.trust ?? directory).trust,
      supernode: SUPERNODE,
      revokedDevices: revokedOf(changes.revoked),
      nowMs: changes.nowMs ?? NOW,
    },
  );

describe('checkAttach', () => {
  it('takes a proof by the certified device for this connection', async () => {
    const result = await check(alice.chain, await attachProof(alice, SUPERNODE, NONCE, NOW));
    expect(result).toMatchObject({ ok: { who: { name: 'alice', deviceId: alice.deviceId }, version: 1 } });
  });

  it.each([
    ['another device', 'signature-invalid', () => attachProof({ ...mallory }, SUPERNODE, NONCE, NOW)],
    ['another supernode', 'signature-wrong-audience', () => attachProof(alice, 'T'.repeat(43), NONCE, NOW)],
    ['another connection', 'stale-proof', () => attachProof(alice, SUPERNODE, 'm'.repeat(22), NOW)],
    ['an earlier time', 'signature-expired', () => attachProof(alice, SUPERNODE, NONCE, NOW - 600_000)],
    ['other versions', 'version', () => attachProof(alice, SUPERNODE, NONCE, NOW, [2, 7])],
    ['another purpose', 'signature-invalid', () => presenceRecord(alice, directory, SUPERNODE, NOW)],
    ['no purpose', 'signature-invalid', async () => 'a.b.c'],
  ])('refuses a proof for or by %s', async (_what, code, proof) => {
    expect(await check(alice.chain, await proof())).toMatchObject({ code });
  });

  it('refuses certificates of another directory, expired ones and revoked devices', async () => {
    const proof = await attachProof(alice, SUPERNODE, NONCE, NOW);
    expect(await check(alice.chain, proof, { trust: await testDirectory() })).toMatchObject({
      code: 'certificate-wrong-directory',
    });
    const later = NOW + 31 * 86_400_000;
    const fresh = await attachProof(alice, SUPERNODE, NONCE, later);
    expect(await check(alice.chain, fresh, { nowMs: later })).toMatchObject({ code: 'certificate-expired' });
    expect(await check(alice.chain, proof, { revoked: alice })).toMatchObject({ code: 'device-revoked' });
  });

  it('lets nobody attach again who is detached because the certificates have ended, and everybody until then', async () => {
    const attachAt = async (nowMs: number) =>
      check(alice.chain, await attachProof(alice, SUPERNODE, NONCE, nowMs), { nowMs });
    const attached = await attachAt(NOW);
    const endsAtMs = 'ok' in attached ? attachedUntilMs(attached.ok.who) : Number.NaN;
    expect(await attachAt(endsAtMs - 1000)).toHaveProperty('ok');
    expect(await attachAt(endsAtMs)).toMatchObject({ code: 'certificate-expired' });
  });

  it("refuses a device under another user's certificate", async () => {
    const mixed = { user: alice.chain.user, device: mallory.chain.device };
    const proof = await attachProof(mallory, SUPERNODE, NONCE, NOW);
    expect(await check(mixed, proof)).toMatchObject({ code: 'certificate-invalid' });
  });
});

describe('checkPresence', () => {
  const about = async (record: Promise<string>) => {
    const attached = await check(alice.chain, await attachProof(alice, SUPERNODE, NONCE, NOW));
    if (!('ok' in attached)) throw new Error(attached.code);
    const { who, chain, endpoint } = attached.ok;
    const attachment: Attachment = { connection: 1, who, chain, endpoint };
    return checkPresence(await record, {
      attachment,
      directory: directory.trust,
      supernode: SUPERNODE,
      nowMs: NOW,
    });
  };

  it('takes a record about the one who sends it', async () => {
    expect(await about(presenceRecord(alice, directory, SUPERNODE, NOW, { seq: 5 }))).toMatchObject({
      ok: { name: 'alice', seq: 5, accepts: true, expiresAtMs: NOW + 600_000 },
    });
  });

  it('refuses records about others, other supernodes and by others', async () => {
    expect(await about(presenceRecord(alice, directory, SUPERNODE, NOW, { name: 'bob' }))).toMatchObject({
      code: 'presence-mismatch',
    });
    expect(await about(presenceRecord(alice, directory, 'T'.repeat(43), NOW))).toMatchObject({
      code: 'presence-mismatch',
    });
    expect(await about(presenceRecord(mallory, directory, SUPERNODE, NOW))).toMatchObject({
      code: 'signature-invalid',
    });
  });

  it('refuses one that would stay long after its softphone is gone', async () => {
    const forever = presenceRecord(alice, directory, SUPERNODE, NOW, {}, 10 * 365 * 86_400);
    expect(await about(forever)).toMatchObject({ code: 'presence-mismatch' });
  });
});

describe('checkRecord', () => {
  const checked = async (
    record: Promise<string>,
    changes: { chain?: TestUser['chain']; trust?: TestDirectory; revoked?: TestUser; nowMs?: number } = {},
  ) => {
    const { revoked } = changes;
    return checkRecord(
      { chain: changes.chain ?? alice.chain, record: await record },
      {
        directory: (changes.trust ?? directory).trust,
        revokedDevices: revokedOf(revoked),
        nowMs: changes.nowMs ?? NOW,
      },
    );
  };
  const own = (changes = {}, lifetimeS?: number) =>
    presenceRecord(alice, directory, SUPERNODE, NOW, changes, lifetimeS);

  it('takes what a certified device says of itself, whoever brings it', async () => {
    expect(await checked(own({ seq: 7 }))).toMatchObject({
      name: 'alice',
      device: alice.deviceId,
      endpoint: alice.endpoint,
      seq: 7,
      supernodes: [SUPERNODE],
      expiresAtMs: NOW + 600_000,
    });
  });

  it('takes nothing else', async () => {
    const other = await testDirectory();
    expect(await checked(own(), { revoked: alice })).toBeNull();
    expect(await checked(own(), { trust: other })).toBeNull();
    expect(await checked(own(), { chain: mallory.chain })).toBeNull();
    expect(await checked(own(), { nowMs: NOW + 800_000 })).toBeNull();
    expect(await checked(own({ name: 'bob' }))).toBeNull();
    expect(await checked(own({}, 86_400))).toBeNull();
    expect(await checked(presenceRecord(mallory, directory, SUPERNODE, NOW))).toBeNull();
    expect(await checked(presenceRecord(alice, other, SUPERNODE, NOW))).toBeNull();
    expect(await checked(attachProof(alice, SUPERNODE, NONCE, NOW))).toBeNull();
    expect(await checked(Promise.resolve('a.b.c'))).toBeNull();
    const mixed = { user: alice.chain.user, device: mallory.chain.device };
    expect(await checked(presenceRecord(mallory, directory, SUPERNODE, NOW), { chain: mixed })).toBeNull();
  });
});

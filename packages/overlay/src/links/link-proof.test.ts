import {
  generateSigningKey,
  keyIdOf,
  LinkProof,
  publicKeyOf,
  type SigningPrivateKey,
  signObject,
} from '@overcall/identity';
import { beforeAll, describe, expect, it } from 'vitest';
import { attachProof, testDirectory, testUser } from '../test-people.ts';
import { checkJoin } from './link-proof.ts';

const NOW = 1_800_000_000_000;
const [P_NONCE, Q_NONCE] = ['p'.repeat(22), 'q'.repeat(22)];
let p: { key: SigningPrivateKey; id: string };
let q: typeof p;

beforeAll(async () => {
  const [pKey, qKey] = [await generateSigningKey(), await generateSigningKey()];
  p = { key: pKey, id: await keyIdOf(pKey) };
  q = { key: qKey, id: await keyIdOf(qKey) };
});

/** What p signs for its link to q, with changes. */
const sign = (changes: Record<string, unknown> = {}, audience = q.id, key = p.key) =>
  signObject(
    LinkProof,
    { label: 'overcall link', iss: p.id, versions: [1], ownNonce: P_NONCE, otherNonce: Q_NONCE, ...changes },
    key,
    { audience, nowMs: NOW, lifetimeS: 60 },
  );
const check = (proof: string, nowMs = NOW) =>
  checkJoin(proof, {
    from: p.id,
    key: publicKeyOf(p.key),
    self: q.id,
    theirNonce: P_NONCE,
    ourNonce: Q_NONCE,
    nowMs,
  });

describe('the proof of a link', () => {
  it('is good for the supernode, and the two nonces, that it was made for', async () => {
    expect(await check(await sign())).toEqual({ ok: { version: 1 } });
    expect(await check(await sign({ versions: [1, 2] }))).toEqual({ ok: { version: 1 } });
  });

  it.each<[string, () => Promise<string>, string]>([
    ['for another supernode', () => sign({}, p.id), 'signature-wrong-audience'],
    ['by another key', () => sign({}, q.id, q.key), 'signature-invalid'],
    ['in the name of another', () => sign({ iss: q.id }), 'stale-proof'],
    ['of an earlier link of theirs', () => sign({ ownNonce: 'x'.repeat(22) }), 'stale-proof'],
    ['of an earlier link of ours', () => sign({ otherNonce: 'x'.repeat(22) }), 'stale-proof'],
    ['with the nonces turned round', () => sign({ ownNonce: Q_NONCE, otherNonce: P_NONCE }), 'stale-proof'],
    ['of no version we know', () => sign({ versions: [9] }), 'version'],
    ['with another label', () => sign({ label: 'overcall attach' }), 'signature-invalid'],
    ['that is none', async () => 'a.b.c', 'signature-invalid'],
  ])('is refused %s', async (_what, make, code) => {
    expect(await check(await make())).toMatchObject({ code });
  });

  it('does not last, and is nothing that a softphone signs', async () => {
    expect(await check(await sign(), NOW + 200_000)).toMatchObject({ code: 'signature-expired' });
    const user = await testUser('alice', await testDirectory(), NOW);
    const attach = await attachProof(user, q.id, Q_NONCE, NOW);
    const context = { from: user.deviceId, key: publicKeyOf(user.deviceKey), self: q.id };
    const nonces = { theirNonce: P_NONCE, ourNonce: Q_NONCE };
    expect(await checkJoin(attach, { ...context, ...nonces, nowMs: NOW })).toMatchObject({
      code: 'signature-invalid',
    });
  });
});

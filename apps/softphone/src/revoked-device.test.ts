import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@overcall/cli';
import {
  generateSigningKey,
  type RevokedDevice,
  type SigningPrivateKey,
  SupernodeList,
  signObject,
} from '@overcall/identity';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Profile } from './profile.ts';
import { StandIn, standInProfile } from './stand-in-supernode.test-support.ts';
import { SupernodeListStore } from './supernode-list-store.ts';
import { SupernodePool } from './supernode-pool.ts';

let folder: string;
let directoryKey: SigningPrivateKey;
let profile: Profile;
let supernode: StandIn;
let store: SupernodeListStore;
let pool: SupernodePool;
let revoked: PromiseWithResolvers<void>;

/** Signed by the directory, or by somebody who would like to be it. */
async function listOf(version: number, revokedDevices: RevokedDevice[], key = directoryKey): Promise<string> {
  return signObject(SupernodeList, { version, supernodes: [supernode.entry], revokedDevices }, key, {
    audience: profile.directory.keyId,
    nowMs: Date.now(),
    lifetimeS: 60,
  });
}

const ourselves = () => ({ identity: profile.identityKeyId, device: profile.deviceId });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-revoked-'));
  directoryKey = await generateSigningKey();
  profile = await standInProfile(directoryKey);
  supernode = await new StandIn(profile).start();
  revoked = Promise.withResolvers();
  const log = createLogger('test', 'silent');
  store = new SupernodeListStore({ dataDir: folder }, profile.directory, ['127.0.0.0/8'], log);
  await store.offer(await listOf(1, []));
  supernode.serve(await listOf(1, []));
  const handlers = { onAttached() {}, onLost() {}, onLeft() {}, onSignal() {}, onUndeliverable() {} };
  pool = new SupernodePool(store, profile, { ...handlers, onRefused() {}, onRevoked: revoked.resolve }, log);
});
afterEach(async () => {
  await pool.close();
  await supernode.close();
  rmSync(folder, { recursive: true, force: true });
});

it('a softphone that is attached ends when the supernode that refuses it has the signed list that says so', async () => {
  await pool.start(true);
  supernode.serve(await listOf(2, [ourselves()]));
  supernode.refuse();
  await revoked.promise;
});

it('a stored list that is damaged is fetched anew, as if there were none', async () => {
  writeFileSync(join(folder, 'supernodes.json'), '');
  const log = createLogger('test', 'silent');
  const fresh = new SupernodeListStore({ dataDir: folder }, profile.directory, ['127.0.0.0/8'], log);
  expect(await fresh.loadStored()).toBe(false);
});

it('a softphone on a full disk still follows a list that revokes it', async () => {
  await pool.start(true);
  // What is in the way of the temporary file is a folder, so nothing can be written.
  mkdirSync(join(folder, `supernodes.json.${process.pid}.tmp`, 'full'), { recursive: true });
  supernode.serve(await listOf(2, [ourselves()]));
  supernode.refuse();
  await revoked.promise;
  expect(store.version).toBe(2);
});

it('one that begins ends with what to do about it', async () => {
  supernode.takes = false;
  supernode.serve(await listOf(2, [ourselves()]));
  await expect(pool.start(true)).rejects.toMatchObject({
    code: 'device-revoked',
    remedy: expect.stringMatching(/overcall import/),
  });
});

it.each([
  ['has no list that says so', () => listOf(2, [])],
  ['signed such a list itself', async () => listOf(2, [ourselves()], await generateSigningKey())],
])('a supernode that refuses and %s ends nobody', async (_what, list) => {
  await pool.start(true);
  supernode.serve(await list());
  supernode.refuse();
  // It goes on as after any other loss.
  await expect.poll(() => supernode.attaches).toBeGreaterThan(1);
  await expect.poll(() => pool.all.length).toBe(1);
  await expect(Promise.race([revoked.promise, 'not revoked'])).resolves.toBe('not revoked');
});

it('where every supernode lies so, the start fails as if none were there', async () => {
  supernode.takes = false;
  await expect(pool.start(true)).rejects.toMatchObject({ code: 'supernode-unreachable' });
});

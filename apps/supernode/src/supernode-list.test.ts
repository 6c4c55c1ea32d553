import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CLOCK_TOLERANCE_S,
  generateSigningKey,
  keyIdOf,
  publicKeyOf,
  type RevokedDevice,
  type SupernodeEntry,
  SupernodeList,
  signObject,
} from '@overcall/identity';
import { connectControl, fetchListFrom } from '@overcall/net';
import {
  attachProof,
  type TestDirectory,
  type TestUser,
  testDirectory,
  testUser,
} from '@overcall/overlay/testing';
import type { SupernodeMessage } from '@overcall/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataFiles } from './data-files.ts';
import type { Supernode } from './options.ts';
import { startSupernode } from './supernode.ts';

/** A supernode that starts from a list on its disk, with a directory that is dead. */
const DEAD = 'http://127.0.0.1:1';
const VERSION = 1_800_000_000_000;
let folder: string;
let directory: TestDirectory;
let alice: TestUser;
let supernode: Supernode | null = null;
const closers: (() => void)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-supernode-'));
  directory = await testDirectory();
  alice = await testUser('alice', directory, Date.now());
});
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await supernode?.close();
  supernode = null;
  rmSync(folder, { recursive: true });
});

async function ownEntry(): Promise<SupernodeEntry> {
  const key = publicKeyOf(await new DataFiles(folder).identityKey());
  const [udp, control] = [['127.0.0.1:443'], ['127.0.0.1:443']];
  return { name: 'test', key, udp, control, tlsSha256: ['ab'.repeat(32)] };
}

interface ListPlan {
  supernodes?: SupernodeEntry[];
  revokedDevices?: RevokedDevice[];
  lifetimeS?: number;
}

/** Returns the list that it was started from. */
async function startWith({ supernodes, revokedDevices = [], lifetimeS = 60 }: ListPlan): Promise<string> {
  const files = new DataFiles(folder);
  const { key, keyId } = directory.trust;
  files.savePinnedDirectory({ url: DEAD, key, keyId, tlsSha256: null, registration: 'open' });
  const claims = { version: VERSION, supernodes: supernodes ?? [await ownEntry()], revokedDevices };
  const options = { audience: keyId, nowMs: Date.now(), lifetimeS };
  const list = await signObject(SupernodeList, claims, directory.key, options);
  files.saveList(list);
  supernode = await startSupernode({
    directory: DEAD,
    listen: ['127.0.0.1:0'],
    publicAddresses: ['127.0.0.1'],
    name: 'test',
    dataDirectory: folder,
  });
  return list;
}

const target = () => ({ address: supernode!.control[0]!, tlsSha256: [supernode!.status().tlsSha256] });

/** Tries to attach; what the supernode answers. */
async function attach(user: TestUser): Promise<SupernodeMessage> {
  const answer = Promise.withResolvers<SupernodeMessage>();
  const link = await connectControl(target(), {
    onMessage: async (message) => {
      if (message.t !== 'hello') return answer.resolve(message);
      const proof = await attachProof(user, message.supernode, message.nonce, Date.now());
      link.send({ t: 'attach', chain: user.chain, proof });
    },
    onClose: () => answer.reject(new Error('closed without an answer')),
  });
  closers.push(() => link.close());
  return answer.promise;
}

/** Every member as long as its schema allows. */
async function longestList(): Promise<ListPlan> {
  const eight = (letter: string) => Array.from({ length: 8 }, () => letter.repeat(64));
  const key = publicKeyOf(await generateSigningKey());
  const entry = { name: '☎'.repeat(64), key, udp: eight('u'), control: eight('c') };
  const longest = { ...entry, tlsSha256: ['ab'.repeat(32), 'cd'.repeat(32)], dnsName: 'd'.repeat(253) };
  const device = { identity: 'i'.repeat(43), device: 'd'.repeat(43) };
  const supernodes = [await ownEntry(), ...Array.from({ length: 9_999 }, () => longest)];
  return { supernodes, revokedDevices: Array.from({ length: 100_000 }, () => device) };
}

describe('the supernode list at a supernode', () => {
  it('keeps nobody from attaching, and is served whole, however long it is', async () => {
    const list = await startWith(await longestList());
    expect(list.length).toBeGreaterThan(30_000_000);
    expect(await attach(alice)).toMatchObject({ t: 'attached', listVersion: VERSION });
    expect((await fetchListFrom(target())) === list).toBe(true);
  });

  it('keeps out who is in it as revoked', async () => {
    await startWith({ revokedDevices: [{ identity: alice.identityId, device: alice.deviceId }] });
    expect(await attach(alice)).toMatchObject({ t: 'refused', code: 'device-revoked' });
  });

  it('is in force until it expires, although it was good when it was read', async () => {
    // Within the tolerance for clocks that differ it is still read.
    await startWith({ lifetimeS: -CLOCK_TOLERANCE_S / 2 });
    expect(await attach(alice)).toMatchObject({ t: 'refused', code: 'list-expired' });
    expect(supernode!.status()).toMatchObject({ ready: false, notReady: 'no supernode list in force' });
  });

  it('that does not name this supernode keeps everybody out', async () => {
    const other = { ...(await ownEntry()), key: publicKeyOf(await generateSigningKey()) };
    await startWith({ supernodes: [other] });
    expect(await attach(alice)).toMatchObject({ t: 'refused', code: 'not-listed' });
    expect(supernode!.status()).toMatchObject({ ready: false, notReady: 'not in the supernode list' });
    expect(supernode!.status().id).not.toBe(await keyIdOf(other.key));
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NatsServer, NEEDS_NATS, SKIPS_NATS } from '@overcall/harness';
import { generateSigningKey, keyIdOf, StatusReport } from '@overcall/identity';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { backUp, restore } from '../backup.ts';
import { openDataDir } from '../data-dir.ts';
import { startDirectory } from '../start.ts';
import { type NatsPlace, parseStore } from '../store-choice.ts';
import { itIsAStore } from '../store-contract.test-support.ts';
import { entryOf, START_MS, TestDirectory } from '../test-support.ts';
import { backUpNats, restoreIntoNats } from './backup.ts';
import { openNatsStore, openStreams } from './nats-store.ts';

let server: NatsServer;
let root: string;
let names = 0;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'overcall-directory-'));
  if (!SKIPS_NATS) server = await NatsServer.start();
});
afterAll(async () => {
  await server?.close();
  rmSync(root, { recursive: true });
});

/** Patient: these tests run beside others that let nothing through. */
const newPlace = () => parseStore(`nats://${server.address}/test${names++}?patience=40`) as NatsPlace;
const newDataDir = () => join(root, `data${names++}`);
const startOn = async (store: NatsPlace, dataDir: string, options: object = {}) => {
  const test = await TestDirectory.start({ store, dataDir, ...options });
  onTestFinished(() => test.close());
  return test;
};

describe.skipIf(SKIPS_NATS)(`a store on JetStream${NEEDS_NATS}`, () => {
  itIsAStore(async (count) => {
    const place = newPlace();
    const opened = [];
    for (let i = 0; i < count; i++) opened.push(await openNatsStore(place));
    for (const { ledger } of opened) await ledger.claim('key id');
    return opened.map(({ store }) => store);
  }, 2);

  it('keeps tokens that are longer than a message may be', async () => {
    const { shelf, log } = await openStreams(newPlace());
    onTestFinished(() => log.close());
    const token = Array.from({ length: 300_000 }, (_, index) => index).join('');
    await shelf.put('5-long', token);
    expect(await shelf.get('5-long')).toBe(token);
    await shelf.drop('5-long');
    expect(await shelf.get('5-long')).toBeNull();
  });
});

describe.skipIf(SKIPS_NATS)(`directories on one JetStream${NEEDS_NATS}`, () => {
  it('are one directory: what is said to one, the other knows', async () => {
    const [place, dataDir] = [newPlace(), newDataDir()];
    const one = await startOn(place, dataDir);
    const other = await startOn(place, dataDir);
    expect(other.directory.key).toEqual(one.directory.key);
    const [alice, bob, supernode] = [
      await one.user('alice'),
      await other.user('bob'),
      await generateSigningKey(),
    ];
    expect(await other.register('alice', await generateSigningKey())).toMatchObject({ code: 'name-taken' });
    const { body } = await one.admit(supernode);
    expect((await other.list()).version).toBe((await one.list(body?.list)).version);
    const found = await other.lookUp(alice, await other.receipt(supernode, alice), 'bob');
    expect(found).toMatchObject({ status: 200, body: { name: 'bob' } });
    await other.revoke(bob, bob.deviceId);
    expect((await one.list()).revokedDevices).toHaveLength(1);
    const asBob = await one.lookUp(bob, await one.receipt(supernode, bob), 'alice');
    expect(asBob).toMatchObject({ code: 'device-revoked' });
  });

  it('take a challenge of each other, once', async () => {
    const [place, dataDir] = [newPlace(), newDataDir()];
    const one = await startOn(place, dataDir);
    const other = await startOn(place, dataDir);
    const nonce = await one.nonce();
    for (const test of [one, other]) test.nonce = async () => nonce;
    expect(await other.register('alice', await generateSigningKey())).toMatchObject({ status: 201 });
    const again = await one.register('carol', await generateSigningKey());
    expect(again).toMatchObject({ code: 'nonce-invalid' });
  });

  it('show on each page how a supernode says it is to one of them', async () => {
    const [place, dataDir] = [newPlace(), newDataDir()];
    const one = await startOn(place, dataDir);
    const other = await startOn(place, dataDir);
    const key = await generateSigningKey();
    await one.admit(key);
    const calls = { relayUdp: 10, relayTcp: 0, overlay: 0 };
    const claims = { iss: await keyIdOf(key), number: START_MS, draining: true, load: 1, calls, links: [] };
    const report = await one.sign(StatusReport, claims, key, { lifetimeS: 120 });
    expect(await one.request('POST', '/v1/reports', { report })).toMatchObject({ status: 200 });
    const page = async () => {
      other.clock.nowMs += 6000;
      return (await other.directory.app.inject({ method: 'GET', url: '/' })).body;
    };
    await expect.poll(page).toContain('draining');
  });

  it('need the same key', async () => {
    const [place, dataDir] = [newPlace(), newDataDir()];
    await startOn(place, dataDir);
    const refused = expect.objectContaining({ code: 'store-other-key' });
    await expect(startDirectory({ store: place, dataDir: newDataDir() })).rejects.toThrow(refused);
    const elsewhere = newDataDir();
    await (await startDirectory({ dataDir: elsewhere })).close();
    await expect(startDirectory({ store: place, dataDir: elsewhere })).rejects.toThrow(refused);
  });

  it('lose nothing that was answered when the server is killed, serve from memory meanwhile, and come back', async () => {
    const own = await NatsServer.start();
    onTestFinished(() => own.close());
    const place = parseStore(`nats://${own.address}?patience=40`) as NatsPlace;
    const test = await startOn(place, newDataDir());
    const [alice, supernode] = [await test.user('alice'), await generateSigningKey()];
    await test.admit(supernode);
    const list = await test.list();
    const look = async (name: string) => test.lookUp(alice, await test.receipt(supernode, alice), name);
    const readyz = async () => (await test.request('GET', '/readyz')).status;
    expect(await readyz()).toBe(200);
    await own.kill();

    await expect.poll(readyz, { timeout: 20_000 }).toBe(503);
    expect(await look('alice')).toMatchObject({ status: 200 });
    expect(await test.register('alice', alice.identity)).toMatchObject({ status: 200 });
    expect(await test.list()).toEqual(list);
    const refused = { status: 503, code: 'overloaded' };
    expect(await test.register('bob', await generateSigningKey())).toMatchObject(refused);
    expect(await test.revoke(alice, alice.deviceId)).toMatchObject(refused);

    await own.run();
    await expect.poll(readyz, { timeout: 20_000 }).toBe(200);
    expect(await test.register('bob', await generateSigningKey())).toMatchObject({ status: 201 });
    expect(await test.list()).toEqual(list);
    expect(await look('bob')).toMatchObject({ status: 200 });
  });

  it('serve from memory while the server is there and says nothing', async () => {
    const own = await NatsServer.start();
    onTestFinished(() => own.close());
    const place = parseStore(`nats://${own.address}?patience=4`) as NatsPlace;
    const test = await startOn(place, newDataDir());
    const list = await test.list();
    own.freeze();
    expect(await test.register('bob', await generateSigningKey())).toMatchObject({ code: 'overloaded' });
    expect(await test.list()).toEqual(list);
    own.thaw();
    const readyz = async () => (await test.request('GET', '/readyz')).status;
    await expect.poll(readyz, { timeout: 20_000 }).toBe(200);
  });
});

describe.skipIf(SKIPS_NATS)(`backups${NEEDS_NATS}`, () => {
  it('go from SQLite to JetStream and back', async () => {
    const [first, second, third] = [newDataDir(), newDataDir(), newDataDir()];
    const key = await generateSigningKey();
    const small = await TestDirectory.start({ dataDir: first });
    const alice = await small.user('alice');
    await small.admit(key);
    await small.revoke(alice, 'd'.repeat(43));
    const list = await small.list();
    await small.close();
    const file = join(root, 'small.backup');
    await backUp(openDataDir(first), file, { force: false });

    const place = newPlace();
    await restoreIntoNats(place, openDataDir(second), file, { force: false });
    const large = await startOn(place, second);
    expect(large.directory.keyId).toBe(small.directory.keyId);
    const moved = await large.list();
    expect(moved.version).toBeGreaterThan(list.version);
    expect(moved).toMatchObject({
      supernodes: [entryOf(key)],
      index: list.index,
      revokedDevices: list.revokedDevices,
    });
    await large.register('bob', await generateSigningKey());
    const again = restoreIntoNats(place, openDataDir(second), file, { force: false });
    await expect(again).rejects.toThrow(expect.objectContaining({ code: 'file-exists' }));

    const newer = join(root, 'large.backup');
    await backUpNats(place, openDataDir(second), newer, { force: false });
    restore(openDataDir(third), newer, { force: false });
    const back = await TestDirectory.start({ dataDir: third }, START_MS - 1000);
    onTestFinished(() => back.close());
    expect(await back.register('bob', alice.identity)).toMatchObject({ code: 'name-taken' });
    expect(await back.register('alice', alice.identity)).toMatchObject({ status: 200 });
    expect((await back.list()).version).toBeGreaterThan(moved.version);
  });
});

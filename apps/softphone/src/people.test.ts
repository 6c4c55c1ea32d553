import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publicKeyOf, RevokedDevices } from '@overcall/identity';
import {
  presenceRecord,
  type TestDirectory,
  type TestUser,
  testDirectory,
  testUser,
} from '@overcall/overlay/testing';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { BlockList } from './block-list.ts';
import { ContactBook } from './contacts.ts';
import { People } from './people.ts';
import type { FoundEndpoint } from './pool-lookup.ts';
import type { SoftphoneEvent, SoftphoneOptions } from './softphone-options.ts';
import type { SupernodeListStore } from './supernode-list-store.ts';
import type { SupernodePool } from './supernode-pool.ts';

let directory: TestDirectory;
let mallory: TestUser;
beforeAll(async () => {
  directory = await testDirectory();
  mallory = await testUser('mallory', directory, Date.now());
});

let dataDir: string;
let blocked: BlockList;
let contacts: ContactBook;
const logged: string[] = [];
const events: SoftphoneEvent[] = [];
let revokedDevices: RevokedDevices;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'overcall-people-'));
  [blocked, contacts] = [new BlockList({ dataDir }), new ContactBook({ dataDir })];
  revokedDevices = new RevokedDevices();
  for (const list of [logged, events]) list.length = 0;
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const lookups: [name: string, elsewhere: boolean][] = [];
let found: FoundEndpoint[] = [];
const pool = {
  lookup: async (name: string, { elsewhere }: { elsewhere: boolean }) => {
    lookups.push([name, elsewhere]);
    return found;
  },
} as unknown as SupernodePool;

function people(): People {
  const note = (level: string) => (fields: object | string, text?: string) =>
    void logged.push(`${level}: ${text ?? fields}`);
  const { trust } = directory;
  return new People({
    softphone: {
      blocked,
      contacts,
      log: { warn: note('warn'), info: note('info') },
      profile: { directory: { key: trust.key, keyId: trust.keyId } },
    } as unknown as SoftphoneOptions,
    store: { revokedDevices } as unknown as SupernodeListStore,
    pool,
    report: (event) => void events.push(event),
  });
}

it('takes the invite of whoever the directory certified', async () => {
  expect((await people().verify(mallory.chain))?.name).toBe('mallory');
  expect([...logged, ...events]).toEqual([]);
});

it('drops what comes from somebody who is blocked, and troubles nobody with it', async () => {
  blocked.add('mallory', 1);
  expect(await people().verify(mallory.chain)).toBeNull();
  expect(events).toEqual([]);
  // Warnings are shown on the screen of the interactive phone: he would still be seen whenever he likes.
  expect(logged).toEqual([expect.stringMatching(/^info: .*blocked/)]);
});

it('drops what comes from a revoked device, or with another key than a verified one, and says so', async () => {
  revokedDevices = new RevokedDevices([{ identity: mallory.identityId, device: mallory.deviceId }]);
  expect(await people().verify(mallory.chain)).toBeNull();
  revokedDevices = new RevokedDevices();
  contacts.save('mallory', { key: publicKeyOf(directory.key), verified: true, since: 1 });
  expect(await people().verify(mallory.chain)).toBeNull();
  expect(logged).toEqual([expect.stringContaining('warn: '), expect.stringMatching(/^warn: .*has changed/)]);
});

it('takes an unverified contact with another key, and says so', async () => {
  contacts.save('mallory', { key: publicKeyOf(directory.key), verified: false, since: 1 });
  expect(await people().verify(mallory.chain)).not.toBeNull();
  expect(events).toEqual([{ event: 'contact-key-changed', name: 'mallory', verified: false }]);
});

it('asks supernodes of others for somebody only where that is wanted', async () => {
  await people().findEndpoints('bob', false);
  await people().findEndpoints('bob');
  expect(lookups).toEqual([
    ['bob', false],
    ['bob', true],
  ]);
});

it('finds whoever is called where nobody can be written down, and says so', async () => {
  const record = await presenceRecord(mallory, directory, 'p'.repeat(43), Date.now());
  found = [{ attachment: null as never, chain: mallory.chain, record, isWithdrawn: false }];
  // What is in the way of the temporary file is a folder: as on a full disk nothing is written.
  mkdirSync(join(dataDir, `contacts.json.${process.pid}.tmp`, 'full'), { recursive: true });
  expect(await people().findPatiently('mallory', true)).toHaveLength(1);
  expect(logged).toEqual([expect.stringMatching(/^warn: mallory is called without .*contacts.json/)]);
});

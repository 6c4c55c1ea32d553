import { generateSigningKey, publicKeyOf, SupernodeList, signObject } from '@overcall/identity';
import { testDirectory } from '@overcall/overlay/testing';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { DataFiles } from './data-files.ts';
import { DirectoryLink } from './directory-link.ts';

/** Nothing listens there. */
const DEAD = 'http://127.0.0.1:1';

it('uses a newer list that it cannot write down: revocations count on a full disk, too', async () => {
  const directory = await testDirectory();
  const { key, keyId } = directory.trust;
  const listOf = (version: number) =>
    signObject(SupernodeList, { version, supernodes: [], revokedDevices: [] }, directory.key, {
      audience: keyId,
      nowMs: Date.now(),
      lifetimeS: 60,
    });
  const stored = await listOf(1);
  const files = {
    pinnedDirectory: () => ({ url: DEAD, key, keyId, tlsSha256: null, registration: 'open' }),
    list: () => stored,
    saveList: () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    },
  } as unknown as DataFiles;
  const own = await generateSigningKey();
  const versions: number[] = [];
  const link = new DirectoryLink({
    files,
    key: own,
    entry: { name: 'test', key: publicKeyOf(own), udp: [], control: [], tlsSha256: [] },
    ...{ directory: DEAD, insecureHttp: false, invite: undefined, dialBack: { ask: async () => [] } },
    onReports: () => {},
    onList: ({ version }) => versions.push(version),
    log: pino({ level: 'silent' }),
  });
  await link.start();
  expect(await link.offer(await listOf(2))).toBe(true);
  expect(versions).toEqual([1, 2]);
  link.close();
});

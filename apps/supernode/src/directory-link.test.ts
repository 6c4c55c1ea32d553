import { generateSigningKey, publicKeyOf, SupernodeList, signObject } from '@overcall/identity';
import { type TestDirectory, testDirectory } from '@overcall/overlay/testing';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { DataFiles } from './data-files.ts';
import { DirectoryLink, type ListUse } from './directory-link.ts';

/** Nothing listens there. */
const DEAD = 'http://127.0.0.1:1';

let directory: TestDirectory;
let link: DirectoryLink | null = null;
let chance: number;
beforeEach(async () => {
  directory = await testDirectory();
  chance = 0.5;
});
afterEach(() => {
  link?.close();
  vi.useRealTimers();
});

function listOf(version: number): Promise<string> {
  return signObject(SupernodeList, { version, supernodes: [], revokedDevices: [] }, directory.key, {
    audience: directory.trust.keyId,
    nowMs: Date.now(),
    lifetimeS: 3600,
  });
}

/** Started from version 1, with a directory that is dead. */
async function startLink(handlers: {
  onList: (list: ListUse) => void;
  saveList?: () => void;
  log?: (line: string) => void;
}): Promise<DirectoryLink> {
  const { key, keyId } = directory.trust;
  const stored = await listOf(1);
  const files = {
    pinnedDirectory: () => ({ url: DEAD, key, keyId, tlsSha256: null, registration: 'open' }),
    list: () => stored,
    saveList: handlers.saveList ?? (() => {}),
  } as unknown as DataFiles;
  const own = await generateSigningKey();
  link = new DirectoryLink({
    files,
    key: own,
    entry: { name: 'test', key: publicKeyOf(own), udp: [], control: [], tlsSha256: [] },
    ...{ directory: DEAD, insecureHttp: false, invite: undefined, dialBack: { ask: async () => [] } },
    onReports: () => {},
    onList: handlers.onList,
    random: () => chance,
    log: pino({}, { write: handlers.log ?? (() => {}) }),
  });
  await link.start();
  return link;
}

it('uses a newer list that it cannot write down: revocations count on a full disk, too', async () => {
  const versions: number[] = [];
  const started = await startLink({
    onList: ({ version }) => versions.push(version),
    saveList: () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    },
  });
  expect(await started.offer(await listOf(2))).toBe(true);
  expect(versions).toEqual([1, 2]);
});

it('a fault of our own in using one list keeps neither it from being kept nor the next one from being used', async () => {
  const versions: number[] = [];
  const errors: string[] = [];
  let saved = 0;
  const started = await startLink({
    onList: ({ version }) => {
      if (version === 2) throw new Error('broken');
      versions.push(version);
    },
    saveList: () => saved++,
    log: (line) => {
      const { level, err } = JSON.parse(line);
      if (level >= 50) errors.push(err.message);
    },
  });
  expect(await started.offer(await listOf(2))).toBe(true);
  expect(await started.offer(await listOf(3))).toBe(true);
  expect([versions, saved, errors]).toEqual([[1, 3], 2, ['broken']]);
});

it('seeks contact less and less often while the directory is away, a quarter earlier or later by chance', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  let failed = Promise.withResolvers<void>();
  await startLink({
    onList: () => {},
    log: (line) => {
      if (JSON.parse(line).failures !== undefined) failed.resolve();
    },
  });
  const waits: number[] = [];
  for (chance of [0.5, 0.5, 0.5, 0, 0.99, 0.5]) {
    const beforeMs = Date.now();
    vi.advanceTimersToNextTimer();
    waits.push(Date.now() - beforeMs);
    await failed.promise;
    failed = Promise.withResolvers();
  }
  expect(waits).toEqual([30_000, 60_000, 120_000, 240_000, 180_000, 298_800]);
});

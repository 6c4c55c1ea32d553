import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MessageStore, type StoredMessage } from './message-store.ts';

let dataDir: string;
let store: MessageStore;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'overcall-messages-'));
  store = new MessageStore({ dataDir });
});
afterEach(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});

const received = (id: string, peer = 'bob'): StoredMessage => ({
  ...{ peer, direction: 'incoming', id, at: 1, text: `text ${id}`, state: 'received' },
});
const idsOf = (list: StoredMessage[]) => list.map(({ id }) => id);

it('keeps a message once, for this user alone, and others of this user see it', async () => {
  expect(await store.add(received('a'))).toBe(true);
  const other = new MessageStore({ dataDir });
  expect(await other.add(received('a'))).toBe(false);
  expect(other.list('bob', 10)).toEqual([received('a')]);
  for (const file of ['messages.sqlite', 'messages.sqlite-wal', 'messages.sqlite-shm'])
    expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600);
  await other.close();
});

it('gives the newest, of one or of all, oldest first', async () => {
  for (const id of ['a', 'b', 'c']) await store.add(received(id));
  await store.add(received('d', 'carol'));
  expect(idsOf(store.list('bob', 2))).toEqual(['b', 'c']);
  expect(idsOf(store.list(null, 2))).toEqual(['c', 'd']);
});

it('knows what became of those that were sent, and which of those that came nobody has seen', async () => {
  await store.add({ ...received('a'), direction: 'outgoing', state: 'sent' });
  await store.add(received('a'));
  await store.add(received('b', 'carol'));
  await store.settle('a', 'delivered');
  expect(store.list('bob', 2).map(({ state }) => state)).toEqual(['delivered', 'received']);
  expect([...store.unseen()]).toEqual([
    ['bob', 1],
    ['carol', 1],
  ]);
  await store.markSeen('bob');
  expect([...store.unseen()]).toEqual([['carol', 1]]);
  await store.markSeen(null);
  expect(store.unseen().size).toBe(0);
});

it('lets nobody fill it: of one and in all, so many stay', async () => {
  await store.close();
  store = new MessageStore({ dataDir }, { ofOne: 3, inAll: 5 });
  await store.add(received('first', 'carol'));
  for (let i = 0; i < 6; i++) await store.add(received(`${i}`));
  expect(idsOf(store.list(null, 9))).toEqual(['first', '3', '4', '5']);
  for (const peer of ['dave', 'eve']) await store.add(received('x', peer));
  expect(idsOf(store.list(null, 9))).toEqual(['3', '4', '5', 'x', 'x']);
});

it('says in one line that the file is no database', () => {
  writeFileSync(join(dataDir, 'messages.sqlite'), 'x'.repeat(8192));
  expect(() => store.add(received('a'))).toThrow(
    expect.objectContaining({
      code: 'messages-unusable',
      message: expect.stringContaining('messages.sqlite'),
      remedy: undefined,
    }),
  );
});

it('has nobody move away what is not damaged and cannot be written', () => {
  mkdirSync(join(dataDir, 'messages.sqlite'));
  expect(() => store.add(received('a'))).toThrow(
    expect.objectContaining({
      code: 'messages-unusable',
      remedy: expect.stringContaining('whether the disk is full'),
    }),
  );
});

it('is not made by whoever only looks', async () => {
  expect([store.list(null, 1), store.unseen().size]).toEqual([[], 0]);
  await store.markSeen(null);
  expect(readdirSync(dataDir)).toEqual([]);
});

describe('while another softphone of the user writes', () => {
  let other: DatabaseSync;
  beforeEach(async () => {
    await store.add(received('before'));
    other = new DatabaseSync(join(dataDir, 'messages.sqlite'));
    other.exec('BEGIN IMMEDIATE');
  });
  afterEach(() => other.close());

  it('returns at once, reads on, and writes all when it can, in the order in which it was asked', async () => {
    const steps: string[] = [];
    const step = (name: string, done: Promise<unknown>) => done.then(() => steps.push(name));
    const all = [
      step('one', store.add(received('one'))),
      step('two', store.add({ ...received('two'), direction: 'outgoing', state: 'sent' })),
      step('settled', store.settle('two', 'delivered')),
    ];
    // More than one try.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(steps).toEqual([]);
    expect(idsOf(store.list(null, 9))).toEqual(['before']);
    other.exec('COMMIT');
    await Promise.all(all);
    expect(steps.toSorted()).toEqual(['one', 'settled', 'two']);
    expect(store.list(null, 9).map(({ id, state }) => `${id} ${state}`)).toEqual([
      'before received',
      'one received',
      'two delivered',
    ]);
  });

  it('is closed after what it was asked to write', async () => {
    const added = store.add(received('last'));
    const closed = store.close();
    other.exec('COMMIT');
    expect(await added).toBe(true);
    await closed;
    expect(idsOf(store.list(null, 1))).toEqual(['last']);
  });
});

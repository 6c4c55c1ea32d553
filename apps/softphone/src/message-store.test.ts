import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MessageStore, type StoredMessage } from './message-store.ts';

let dataDir: string;
let store: MessageStore;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'overcall-messages-'));
  store = new MessageStore({ dataDir });
});
afterEach(() => {
  store.close();
  rmSync(dataDir, { recursive: true });
});

const received = (id: string, peer = 'bob'): StoredMessage => ({
  ...{ peer, direction: 'incoming', id, at: 1, text: `text ${id}`, state: 'received' },
});

it('keeps a message once, for this user alone, and others of this user see it', () => {
  expect(store.add(received('a'))).toBe(true);
  const other = new MessageStore({ dataDir });
  expect(other.add(received('a'))).toBe(false);
  expect(other.list('bob', 10)).toEqual([received('a')]);
  other.close();
  expect(statSync(join(dataDir, 'messages.sqlite')).mode & 0o777).toBe(0o600);
});

it('gives the newest, of one or of all, oldest first', () => {
  for (const id of ['a', 'b', 'c']) store.add(received(id));
  store.add(received('d', 'carol'));
  expect(store.list('bob', 2).map(({ id }) => id)).toEqual(['b', 'c']);
  expect(store.list(null, 2).map(({ id }) => id)).toEqual(['c', 'd']);
});

it('knows what became of those that were sent, and which of those that came nobody has seen', () => {
  store.add({ ...received('a'), direction: 'outgoing', state: 'sent' });
  store.add(received('a'));
  store.add(received('b', 'carol'));
  store.settle('a', 'delivered');
  expect(store.list('bob', 2).map(({ state }) => state)).toEqual(['delivered', 'received']);
  expect([...store.unseen()]).toEqual([
    ['bob', 1],
    ['carol', 1],
  ]);
  store.markSeen('bob');
  expect([...store.unseen()]).toEqual([['carol', 1]]);
  store.markSeen(null);
  expect(store.unseen().size).toBe(0);
});

it('lets nobody fill it: of one and in all, so many stay', () => {
  store.close();
  store = new MessageStore({ dataDir }, { ofOne: 3, inAll: 5 });
  store.add(received('first', 'carol'));
  for (let i = 0; i < 6; i++) store.add(received(`${i}`));
  expect(store.list(null, 9).map(({ id }) => id)).toEqual(['first', '3', '4', '5']);
  for (const peer of ['dave', 'eve']) store.add(received('x', peer));
  expect(store.list(null, 9).map(({ id }) => id)).toEqual(['3', '4', '5', 'x', 'x']);
});

it('says in one line that the file is no database', () => {
  writeFileSync(join(dataDir, 'messages.sqlite'), 'x'.repeat(8192));
  expect(() => store.add(received('a'))).toThrow(
    expect.objectContaining({
      code: 'messages-unusable',
      message: expect.stringContaining('messages.sqlite'),
    }),
  );
});

import { expect, it } from 'vitest';
import { openDatabase } from './sqlite-schema.ts';
import { SqliteStore } from './store-sqlite.ts';

it('keeps no list with the version of another or a lower one', async () => {
  const store = new SqliteStore(openDatabase(':memory:'));
  const list = (version: number, token: string) => ({ version, revision: 1, token, expiresAtMs: 0 });
  expect(await store.saveList(list(5, 'five'))).toBe(true);
  expect(await store.saveList(list(5, 'another five'))).toBe(false);
  expect(await store.saveList(list(4, 'four'))).toBe(false);
  expect((await store.publishedList())?.token).toBe('five');
  expect(await store.saveList(list(6, 'six'))).toBe(true);
  expect((await store.publishedList())?.token).toBe('six');
  await store.close();
});

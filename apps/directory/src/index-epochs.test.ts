import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey, keyIdOf } from '@overcall/identity';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { EPOCH_LENGTH_MS, isEpochDue } from './index-epochs.ts';
import { openDatabase } from './sqlite-schema.ts';
import { SqliteStore } from './store-sqlite.ts';
import { entryOf, START_MS, TestDirectory } from './test-support.ts';

const SECOND = 1000;

describe('isEpochDue', () => {
  const newest = { seed: 's', closedAtMs: START_MS, madeAtMs: START_MS };
  it.each([
    ['waits for a first supernode', null, { eligible: 0, admitted: 0 }, 0, false],
    ['begins with it', null, { eligible: 0, admitted: 1 }, 0, true],
    ['lets in the second at once', newest, { eligible: 1, admitted: 2 }, SECOND, true],
    ['lets in the third at once', newest, { eligible: 2, admitted: 3 }, SECOND, true],
    ['has the fourth wait', newest, { eligible: 3, admitted: 4 }, EPOCH_LENGTH_MS - 1, false],
    ['until a day has passed', newest, { eligible: 3, admitted: 4 }, EPOCH_LENGTH_MS, true],
    ['fills up when others left', newest, { eligible: 2, admitted: 9 }, SECOND, true],
    ['changes nothing for nobody new', newest, { eligible: 2, admitted: 2 }, SECOND, false],
    ['changes daily all the same', newest, { eligible: 2, admitted: 2 }, EPOCH_LENGTH_MS, true],
    ['mends a date far ahead', newest, { eligible: 3, admitted: 4 }, -EPOCH_LENGTH_MS, true],
    ['bears a clock set back a little', newest, { eligible: 3, admitted: 4 }, -SECOND, false],
  ])('%s', (_what, epoch, counts, afterMs, isDue) => {
    expect(isEpochDue(epoch, counts, START_MS + afterMs)).toBe(isDue);
  });
});

describe('the list', () => {
  let test: TestDirectory;
  beforeEach(async () => {
    test = await TestDirectory.start();
  });
  afterEach(() => test.close());

  const admit = async () => {
    test.clock.nowMs += SECOND;
    const key = await generateSigningKey();
    return { key, list: await test.list((await test.admit(key)).body?.list) };
  };

  it('has a new epoch for each of the first three supernodes, and keeps the two newest', async () => {
    expect((await test.list()).index).toEqual([]);
    const lists = [];
    for (let i = 0; i < 4; i++) lists.push((await admit()).list);
    const [first, second, third, fourth] = lists.map(({ index }) => index!);
    expect(first).toEqual([{ seed: expect.any(String), closedAtMs: START_MS + SECOND }]);
    expect(second).toEqual([{ seed: expect.any(String), closedAtMs: START_MS + 2 * SECOND }, first![0]]);
    expect(third).toEqual([{ seed: expect.any(String), closedAtMs: START_MS + 3 * SECOND }, second![0]]);
    expect(fourth).toEqual(third);
    expect(new Set([first, second, third].map((index) => index![0]!.seed)).size).toBe(3);
    const sinces = lists[3]!.supernodes.map(({ since }) => since!).sort();
    expect(sinces).toEqual([1, 2, 3, 4].map((n) => START_MS + n * SECOND));
  });

  it('has a new one a day later, with the newcomers, for whoever asks first', async () => {
    let last = await admit();
    for (let i = 0; i < 4; i++) last = await admit();
    test.clock.nowMs = last.list.index![0]!.closedAtMs + EPOCH_LENGTH_MS;
    const next = await test.list();
    expect(next.index).toEqual([
      { seed: expect.any(String), closedAtMs: test.clock.nowMs },
      last.list.index![0],
    ]);
    expect(next.version).toBeGreaterThan(last.list.version);
    expect(await test.list()).toEqual(next);
  });

  it('keeps the date of an admission when the entry changes', async () => {
    const { key, list } = await admit();
    test.clock.nowMs += SECOND;
    const changed = await test.list((await test.admit(key, { name: 'other' })).body?.list);
    expect(changed.supernodes[0]).toMatchObject({ name: 'other', since: list.supernodes[0]!.since });
    expect(changed.index).toEqual(list.index);
  });

  it('dates nobody into an epoch whose seed is known, although the clock was set back', async () => {
    let last = await admit();
    for (let i = 0; i < 2; i++) last = await admit();
    test.clock.nowMs -= 3_600_000;
    const key = await generateSigningKey();
    const list = await test.list((await test.admit(key)).body?.list);
    expect(list.index).toEqual(last.list.index);
    const own = list.supernodes.find((entry) => entry.key.x === key.x)!;
    expect(own.since).toBeGreaterThan(list.index![0]!.closedAtMs);
  });
});

it('makes each seed after the admission of everybody it spreads names over', async () => {
  const steps = fc.array(
    fc.record({
      supernode: fc.integer({ min: 0, max: 5 }),
      status: fc.constantFrom('admitted' as const, 'removed' as const),
      afterMs: fc.constantFrom(0, SECOND, -SECOND, EPOCH_LENGTH_MS, -2 * EPOCH_LENGTH_MS),
    }),
    { maxLength: 30 },
  );
  const key = await generateSigningKey();
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const store = new SqliteStore(openDatabase(':memory:'));
      const known = new Map<string, string>();
      let nowMs = START_MS;
      let seeds = 0;
      for (const { supernode, status, afterMs } of taken) {
        nowMs += afterMs;
        const keyId = `key${supernode}`;
        await store.putSupernode({ keyId, entry: entryOf(key, { name: keyId }), status, updatedAtMs: nowMs });
        await store.closeEpoch(nowMs, () => `seed${seeds++}`);
        const { supernodes, index } = await store.listContent();
        // Who is eligible in an epoch was so when its seed was made, or has been removed since.
        for (const { seed, closedAtMs } of index) {
          const eligible = supernodes.filter(({ since }) => since! <= closedAtMs).map(({ name }) => name);
          const before = known.get(seed) ?? eligible.join();
          expect(eligible.every((name) => before.split(',').includes(name))).toBe(true);
          known.set(seed, eligible.join());
        }
        const eligible = supernodes.filter(({ since }) => since! <= (index[0]?.closedAtMs ?? 0)).length;
        expect(eligible).toBeGreaterThanOrEqual(Math.min(3, supernodes.length));
        expect(index.length).toBeLessThanOrEqual(2);
      }
      await store.close();
    }),
    { numRuns: 200 },
  );
});

it('takes in at once who was dated by a clock that has been set back since, and makes one seed for that', async () => {
  const store = new SqliteStore(openDatabase(':memory:'));
  const key = await generateSigningKey();
  let seeds = 0;
  const put = async (name: string, status: 'admitted' | 'removed', nowMs: number) => {
    await store.putSupernode({ keyId: name, entry: entryOf(key, { name }), status, updatedAtMs: nowMs });
    await store.closeEpoch(nowMs, () => `seed${seeds++}`);
  };
  for (const [i, name] of ['a', 'b', 'c'].entries()) await put(name, 'admitted', START_MS + i * SECOND);
  // A fourth waits for the next day, and the clock was wrong: what follows is two hours before.
  const aheadMs = START_MS + 3_600_000;
  await put('d', 'admitted', aheadMs);
  expect(seeds).toBe(3);
  await put('c', 'removed', aheadMs - 7_200_000);
  const { supernodes, index } = await store.listContent();
  expect(supernodes.filter(({ since }) => since! <= index[0]!.closedAtMs).map(({ name }) => name)).toEqual([
    'a',
    'b',
    'd',
  ]);
  for (let i = 1; i < 5; i++) await store.closeEpoch(aheadMs - 7_200_000 + i, () => `seed${seeds++}`);
  expect(seeds).toBe(4);
  await store.close();
});

it('dates an admission by the operator', async () => {
  const store = new SqliteStore(openDatabase(':memory:'));
  const key = await generateSigningKey();
  const keyId = await keyIdOf(key);
  await store.putSupernode({ keyId, entry: entryOf(key), status: 'pending', updatedAtMs: START_MS });
  expect((await store.supernode(keyId))?.admittedAtMs).toBeNull();
  await store.putSupernode({ keyId, entry: entryOf(key), status: 'admitted', updatedAtMs: START_MS + 1 });
  expect((await store.supernode(keyId))?.admittedAtMs).toBe(START_MS + 1);
  await store.close();
});

it('upgrades the database of a directory that knew no epochs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'overcall-directory-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'directory.sqlite');
  const old = openDatabase(file);
  old.exec(`
    ALTER TABLE supernodes DROP COLUMN admitted_at_ms;
    ALTER TABLE invites DROP COLUMN kind;
    DROP TABLE epochs;
    PRAGMA user_version = 1;
  `);
  const entry = entryOf(await generateSigningKey());
  const insert = old.prepare('INSERT INTO supernodes VALUES (?, ?, ?, ?)');
  insert.run('one', JSON.stringify(entry), 'admitted', START_MS);
  insert.run('two', JSON.stringify(entry), 'removed', START_MS);
  old.close();
  const store = new SqliteStore(openDatabase(file));
  await store.closeEpoch(START_MS, () => 'seed');
  expect(await store.listContent()).toMatchObject({
    supernodes: [{ since: START_MS }],
    index: [{ seed: 'seed', closedAtMs: START_MS }],
  });
  await store.close();
});

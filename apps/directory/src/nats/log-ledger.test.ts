import { generateSigningKey, keyIdOf, publicKeyOf } from '@overcall/identity';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RuledStore } from '../ruled-store.ts';
import { openDatabase } from '../sqlite-schema.ts';
import type { User } from '../store.ts';
import { itIsAStore } from '../store-contract.test-support.ts';
import { StoreTables } from '../store-tables.ts';
import { entryOf, START_MS } from '../test-support.ts';
import { fillLog } from './fill-log.ts';
import { LogLedger } from './log-ledger.ts';
import { type Faults, MemoryLog, MemoryStream } from './memory-log.test-support.ts';

const DIRECTORY = 'key id of the directory';
const unavailable = expect.objectContaining({ code: 'overloaded' });

interface Process {
  log: MemoryLog;
  ledger: LogLedger;
  store: RuledStore;
}

async function processOn(stream: MemoryStream, faults?: Faults, keyId = DIRECTORY): Promise<Process> {
  const log = new MemoryLog(stream, faults);
  const ledger = new LogLedger(log, log, new StoreTables(openDatabase(':memory:')));
  onTestFinished(() => ledger.close());
  await ledger.open();
  await ledger.claim(keyId);
  return { log, ledger, store: new RuledStore(ledger) };
}

const someone = async (name: string): Promise<User> => {
  const key = publicKeyOf(await generateSigningKey());
  return { name, skeleton: name, key, keyId: await keyIdOf(key), createdAtMs: START_MS };
};

describe('a log in memory', () => {
  itIsAStore(async (count) => {
    const stream = new MemoryStream();
    const processes = await Promise.all(Array.from({ length: count }, () => processOn(stream)));
    return processes.map(({ store }) => store);
  }, 2);
});

describe('processes on one log', () => {
  it('agree on everything, whatever is delayed and whichever answer is lost', async () => {
    const people = await Promise.all(['a', 'b', 'a', 'b', 'c', 'c'].map(someone));
    const hasOneKey = async (seed: number) => {
      const random = fc.sample(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
        seed,
        numRuns: 1000,
      });
      let at = 0;
      const faults = { random: () => random[at++ % random.length]!, lostAnswer: 0.2, delay: 4 };
      const stream = new MemoryStream();
      const processes = await Promise.all([1, 2, 3].map(() => processOn(stream, faults)));
      const outcomes = await Promise.all(
        people.map((person, index) => processes[index % 3]!.store.addUser(person, null)),
      );
      expect(outcomes.filter((outcome) => outcome === 'added').length).toBe(3);
      const [first, ...others] = await Promise.all(processes.map(({ store }) => store.users()));
      for (const other of others) expect(other).toEqual(first);
      const added = people.filter((_person, index) => outcomes[index] === 'added');
      expect(new Set(first!.map(({ keyId }) => keyId))).toEqual(new Set(added.map(({ keyId }) => keyId)));
      // Who reads all anew comes to the same.
      const late = await processOn(stream);
      expect(await late.store.users()).toEqual(first);
      for (const { ledger } of [...processes, late]) await ledger.close();
    };
    await fc.assert(fc.asyncProperty(fc.integer(), hasOneKey), { numRuns: 30 });
  });

  it('are one directory: another key is refused, also when both are the first', async () => {
    const stream = new MemoryStream();
    const claims = await Promise.allSettled(
      ['one', 'other'].map((keyId) => processOn(stream, undefined, keyId)),
    );
    expect(claims.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const refused = claims.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ code: 'store-other-key' });
  });

  it('answer from memory while the log is lost, write nothing, and go on when it is back', async () => {
    const stream = new MemoryStream();
    const [one, other] = [await processOn(stream), await processOn(stream)];
    const [alice, bob] = [await someone('alice'), await someone('bob')];
    await one.store.addUser(alice, null);
    await other.store.ping();
    other.log.isConnected = false;
    expect(await other.store.userByName('alice')).toEqual(alice);
    expect(await other.store.userByName('bob')).toBeNull();
    await expect(other.store.addUser(bob, null)).rejects.toEqual(unavailable);
    await expect(other.store.ping()).rejects.toEqual(unavailable);
    await one.store.addUser(bob, null);
    other.log.isConnected = true;
    await other.store.ping();
    expect(await other.store.userByName('bob')).toEqual(bob);
  });

  it('do not serve what is being restored, and then what was restored', async () => {
    const stream = new MemoryStream();
    const [watching, away] = [await processOn(stream), await processOn(stream)];
    await watching.store.addUser(await someone('alice'), null);
    await watching.store.saveList({ version: 9, revision: 1, token: 'nine', expiresAtMs: 1 }, 0);
    await away.store.users();
    await away.ledger.close();

    const tables = new StoreTables(openDatabase(':memory:'));
    const bob = await someone('bob');
    tables.apply({ kind: 'user', user: bob, inviteHash: null });
    const supernode = { keyId: 'k', entry: entryOf(await generateSigningKey()), updatedAtMs: START_MS };
    tables.apply({
      kind: 'supernode',
      supernode: { ...supernode, status: 'admitted', admittedAtMs: START_MS },
      revision: 4,
    });
    tables.apply({ kind: 'list', list: { version: 7, revision: 4, token: 'seven', expiresAtMs: 1 } });
    const log = new MemoryLog(stream);
    let whileItLasts: unknown = null;
    const put = log.put.bind(log);
    log.put = async (id, token) => {
      whileItLasts = await watching.store.users().catch((error) => error);
      await put(id, token);
    };
    const directory = { kind: 'directory', format: 1, keyId: DIRECTORY, generation: 'restored' } as const;
    await fillLog({ log, shelf: log }, tables, { directory, afterSequence: stream.last, leastVersion: 9 });

    expect(whileItLasts).toEqual(unavailable);
    for (const { store } of [watching, await processOn(stream)]) {
      expect(await store.users()).toEqual([bob]);
      const head = await store.listHead();
      expect(head.published).toMatchObject({ version: 9 });
      expect(head.revision).toBeGreaterThan(head.published!.revision);
      expect((await store.listContent()).supernodes).toHaveLength(1);
    }
  });
});

import { generateSigningKey, keyIdOf, publicKeyOf, type SigningPrivateKey } from '@overcall/identity';
import { expect, it, onTestFinished } from 'vitest';
import { EPOCH_LENGTH_MS } from './index-epochs.ts';
import { ListPublisher } from './list-publisher.ts';
import type { Store, User } from './store.ts';
import { entryOf, START_MS } from './test-support.ts';

/** Opens so many views of one new store: as many as there are processes that can share it. */
export type OpenStores = (count: number) => Promise<Store[]>;

const LIMITS = { perUser: 2, total: 3 };
const user = async (name: string, createdAtMs = START_MS): Promise<User> => {
  const key = publicKeyOf(await generateSigningKey());
  return { name, skeleton: `like ${name}`, key, keyId: await keyIdOf(key), createdAtMs };
};
const listOf = (version: number, revision = 1) => ({
  version,
  revision,
  token: `list ${version}`,
  expiresAtMs: 0,
});

/** What every store does, whoever else writes to it. `most`: processes that can share one. */
export function itIsAStore(open: OpenStores, most: number): void {
  const stores = async (count = Math.min(2, most)): Promise<[Store, Store, ...Store[]]> => {
    const opened = await open(count);
    onTestFinished(async () => {
      for (const store of opened) await store.close();
    });
    return opened.length === 1 ? [opened[0]!, opened[0]!] : (opened as [Store, Store]);
  };

  it('gives a name, its likes and a key to one user, who stays', async () => {
    const [one, other] = await stores();
    const alice = await user('alice');
    expect(await one.addUser(alice, null)).toBe('added');
    expect(await other.userByName('alice')).toEqual(alice);
    expect(await other.addUser(alice, null)).toBe('known');
    expect(await other.addUser(await user('alice'), null)).toBe('name-taken');
    expect(await other.addUser({ ...alice, name: 'bob', skeleton: 'bob' }, null)).toBe('key-taken');
    const alike = { ...(await user('a1ice')), skeleton: alice.skeleton };
    expect(await other.addUser(alike, null)).toBe('name-alike');
    const bob = await user('боб.x', START_MS + 1);
    expect(await other.addUser(bob, null)).toBe('added');
    expect(await one.users()).toEqual([alice, bob]);
    expect(await one.userByName('carol')).toBeNull();
  });

  it('has one winner of many who want a name at once', async () => {
    const [one, other] = await stores();
    const wanted = await Promise.all(Array.from({ length: 12 }, () => user('alice')));
    const outcomes = await Promise.all(
      wanted.map((someone, index) => (index % 2 === 0 ? one : other).addUser(someone, null)),
    );
    expect(outcomes.toSorted()).toEqual(['added', ...Array(11).fill('name-taken')]);
    const winner = wanted[outcomes.indexOf('added')];
    expect(await one.userByName('alice')).toEqual(winner);
    expect(await other.users()).toEqual([winner]);
  });

  it('takes an invite once, in time, for what it is meant for', async () => {
    const [one, other] = await stores();
    const invite = (hash: string, kind: 'user' | 'supernode' = 'user') =>
      one.addInvite({ hash, kind, createdAtMs: START_MS, expiresAtMs: START_MS + 1000 });
    for (const hash of ['a', 'b']) await invite(hash);
    await invite('s', 'supernode');
    expect(await other.isInviteGood('a', 'user', START_MS)).toBe(true);
    expect(await other.isInviteGood('a', 'supernode', START_MS)).toBe(false);
    expect(await other.isInviteGood('a', 'user', START_MS + 1000)).toBe(false);
    const [alice, bob] = await Promise.all([user('alice'), user('bob')]);
    expect(await other.addUser({ ...alice, createdAtMs: START_MS + 1000 }, 'a')).toBe('invite-invalid');
    expect(await other.addUser(alice, 's')).toBe('invite-invalid');
    const outcomes = await Promise.all([one.addUser(alice, 'a'), other.addUser(bob, 'a')]);
    expect(outcomes.toSorted()).toEqual(['added', 'invite-invalid']);
    expect(await one.isInviteGood('a', 'user', START_MS)).toBe(false);
    const uses = await Promise.all(
      [one, other].map((store) => store.useInvite('s', 'supernode', 'k', START_MS)),
    );
    expect(uses.toSorted()).toEqual([false, true]);
  });

  it('says with a higher revision that the list has to say something else, and only then', async () => {
    const [one, other] = await stores();
    const key = await generateSigningKey();
    const put = (store: Store, keyId: string, status: 'admitted' | 'pending' | 'removed', afterMs = 0) =>
      store.putSupernode({ keyId, entry: entryOf(key), status, updatedAtMs: START_MS + afterMs });
    const revisions = async () => {
      const [ofOne, ofOther] = [await one.listHead(), await other.listHead()];
      expect(ofOne).toEqual(ofOther);
      return ofOne.revision;
    };
    const first = await revisions();
    expect(await put(one, 'p', 'pending')).toBe(true);
    expect(await revisions()).toBe(first);
    expect(await put(other, 'a', 'admitted')).toBe(true);
    const second = await revisions();
    expect(second).toBeGreaterThan(first);
    expect(await put(one, 'a', 'admitted', 5)).toBe(false);
    expect(await put(one, 'p', 'removed')).toBe(true);
    expect(await revisions()).toBe(second);
    expect(await other.revoke({ identity: 'i', device: 'd' }, START_MS, LIMITS)).toBe('revoked');
    expect(await revisions()).toBeGreaterThan(second);
    const { supernodes, revokedDevices } = await one.listContent();
    expect(supernodes).toEqual([{ ...entryOf(key), since: START_MS }]);
    expect(revokedDevices).toEqual([{ identity: 'i', device: 'd' }]);
    expect((await one.supernodes()).map(({ keyId, status }) => [keyId, status])).toEqual([
      ['a', 'admitted'],
      ['p', 'removed'],
    ]);
    expect(await other.supernode('p')).toMatchObject({ status: 'removed', admittedAtMs: null });
    expect(await other.supernode('x')).toBeNull();
  });

  it('takes as many revocations as the limits say, whoever counts', async () => {
    const [one, other] = await stores();
    const revoke = (store: Store, identity: string, device: string) =>
      store.revoke({ identity, device }, START_MS, LIMITS);
    const outcomes = await Promise.all(
      ['1', '2', '3', '4'].map((device, index) => revoke(index % 2 ? one : other, 'alice', device)),
    );
    expect(outcomes.toSorted()).toEqual(['full', 'full', 'revoked', 'revoked']);
    expect(await revoke(one, 'bob', '1')).toBe('revoked');
    expect(await revoke(other, 'bob', '1')).toBe('known');
    expect(await revoke(other, 'bob', '2')).toBe('full');
    expect(await other.isRevoked({ identity: 'bob', device: '1' })).toBe(true);
    expect(await one.isRevoked({ identity: 'bob', device: '2' })).toBe(false);
  });

  it('makes one seed for an epoch that all find due at once, and keeps the one before', async () => {
    const [one, other] = await stores();
    const key = await generateSigningKey();
    await one.putSupernode({ keyId: 'k', entry: entryOf(key), status: 'admitted', updatedAtMs: START_MS });
    const close = (nowMs: number) =>
      Promise.all(
        [one, other, one, other].map((store, index) =>
          store.closeEpoch(nowMs, () => `seed ${nowMs} ${index}`),
        ),
      );
    await close(START_MS);
    const { index: first } = await other.listContent();
    expect(first).toEqual([{ seed: expect.any(String), closedAtMs: START_MS }]);
    const nextMs = START_MS + EPOCH_LENGTH_MS;
    await close(nextMs);
    const { index } = await one.listContent();
    expect(index).toEqual([{ seed: expect.stringContaining(String(nextMs)), closedAtMs: nextMs }, first[0]]);
    expect((await other.listHead()).epochMadeAtMs).toBe(nextMs);
    await other.putSupernode({ keyId: 'n', entry: entryOf(key), status: 'admitted', updatedAtMs: START_MS });
    expect((await one.supernode('n'))?.admittedAtMs).toBe(nextMs + 1);
  });

  it('keeps no list that another one came before, with a lower version, or with older content', async () => {
    const [one, other] = await stores();
    expect(await one.publishedList()).toBeNull();
    expect(await one.saveList(listOf(5), 0)).toBe(true);
    expect(await other.saveList({ ...listOf(5), token: 'another five' }, 0)).toBe(false);
    expect(await other.saveList(listOf(6), 4)).toBe(false);
    expect(await other.saveList(listOf(4), 5)).toBe(false);
    expect(await other.publishedList()).toEqual(listOf(5));
    const saved = await Promise.all([one, other].map((store) => store.saveList(listOf(6, 3), 5)));
    expect(saved.toSorted()).toEqual([false, true]);
    expect(await one.saveList(listOf(7, 2), 6)).toBe(false);
    expect(await one.publishedList()).toEqual(listOf(6, 3));
    expect((await one.listHead()).published).toEqual({ version: 6, revision: 3, expiresAtMs: 0 });
  });

  it('has each version of the list say one thing, however many sign at once', async () => {
    const views = await stores();
    const key = await generateSigningKey();
    const signer = { key, keyId: await keyIdOf(key) };
    const publishers = views.map((store) => new ListPublisher(store, signer, () => START_MS));
    const seen = new Map<number, string>();
    const publish = async (index: number) => {
      const { version, token } = await publishers[index % publishers.length]!.current();
      expect(seen.get(version) ?? token).toBe(token);
      seen.set(version, token);
    };
    for (let round = 0; round < 4; round++) {
      await admit(views[round % 2]!, `key${round}`, key);
      await Promise.all(Array.from({ length: 6 }, (_, index) => publish(index)));
    }
    expect(seen.size).toBe(4);
    const newest = Math.max(...seen.keys());
    expect((await views[0].publishedList())?.token).toBe(seen.get(newest));
  });
}

async function admit(store: Store, keyId: string, key: SigningPrivateKey): Promise<void> {
  await store.putSupernode({
    keyId,
    entry: entryOf(key, { name: keyId }),
    status: 'admitted',
    updatedAtMs: START_MS,
  });
}

import { type CertifiedDevice, type RevokedDevice, RevokedDevices } from '@overcall/identity';
import {
  presenceRecord,
  type TestDirectory,
  type TestUser,
  testDirectory,
  testUser,
} from '@overcall/overlay/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ClaimedEndpoint, checkEndpoints, ofOneIdentity } from './endpoints.ts';

const NOW_MS = 1_800_000_000_000;
const [P, Q] = ['p'.repeat(43), 'q'.repeat(43)];
let directory: TestDirectory;
let bob: TestUser;
let mallory: TestUser;
beforeAll(async () => {
  directory = await testDirectory();
  bob = await testUser('bob', directory, NOW_MS);
  mallory = await testUser('mallory', directory, NOW_MS);
});

const claim = async (user: TestUser, changes: Parameters<typeof presenceRecord>[4] = {}, supernode = P) => ({
  chain: user.chain,
  record: await presenceRecord(user, directory, supernode, NOW_MS, changes),
});
/** Where bob is, by the supernodes that the records name. */
async function placesOf(
  claims: ClaimedEndpoint[],
  revoked: RevokedDevice[] = [],
  nowMs = NOW_MS,
): Promise<string[]> {
  const found = await checkEndpoints('bob', claims, directory.trust, new RevokedDevices(revoked), nowMs);
  return found.flatMap(({ supernodes }) => supernodes);
}

describe('what supernodes claim of where somebody is', () => {
  it('counts once for each endpoint, by the newest record, in whatever order', async () => {
    const [old, newer] = [await claim(bob, { seq: 1 }), await claim(bob, { seq: 2 }, Q)];
    expect(await placesOf([old, newer, old])).toEqual([Q]);
    expect(await placesOf([newer, old])).toEqual([Q]);
  });

  it('is over when the newest record says so, although somebody still tells the older one', async () => {
    const [there, gone] = [await claim(bob, { seq: 4 }), await claim(bob, { seq: 5, accepts: false })];
    expect(await placesOf([there, gone])).toEqual([]);
    expect(await placesOf([gone, there])).toEqual([]);
  });

  it('is nothing for a device that was revoked; another of his goes on', async () => {
    const other = await testUser('bob', directory, NOW_MS);
    const claims = [await claim(bob), await claim(other, {}, Q)];
    expect(await placesOf(claims, [{ identity: bob.identityId, device: bob.deviceId }])).toEqual([Q]);
    expect(await placesOf(claims, [{ identity: mallory.identityId, device: bob.deviceId }])).toEqual([P, Q]);
  });

  it('is nothing without the keys of that name', async () => {
    const stranger = await testDirectory();
    const impostor = await testUser('bob', stranger, NOW_MS);
    const genuine = await claim(bob);
    const false_: ClaimedEndpoint[] = [
      // Of another name, under his name with a chain of one's own, with a record of another device, of another directory.
      await claim(mallory),
      await claim(mallory, { name: 'bob' }),
      { chain: mallory.chain, record: genuine.record },
      { chain: bob.chain, record: (await claim(mallory, { name: 'bob' })).record },
      { chain: impostor.chain, record: await presenceRecord(impostor, stranger, P, NOW_MS) },
      { chain: bob.chain, record: await presenceRecord(bob, stranger, P, NOW_MS) },
      { chain: bob.chain, record: 'x.y.z' },
    ];
    expect(await placesOf(false_)).toEqual([]);
    expect(await placesOf([...false_, genuine])).toEqual([P]);
  });

  it('is nothing when it has expired', async () => {
    expect(await placesOf([await claim(bob)], [], NOW_MS + 86_400_000)).toEqual([]);
  });
});

describe('several identity keys of one name', () => {
  const endpoint = (x: string) => ({ device: { identityKey: { x } } as CertifiedDevice }) as never;

  it('count when remembered, and are refused when not', () => {
    const both = [endpoint('a'), endpoint('b')];
    expect(ofOneIdentity('bob', both, 'b')).toEqual([both[1]]);
    for (const known of [undefined, 'c'])
      expect(() => ofOneIdentity('bob', both, known)).toThrow(
        expect.objectContaining({ code: 'certificate-conflict' }),
      );
    // One key, though not the remembered one, is for the contact list to judge.
    expect(ofOneIdentity('bob', [both[0] as never], 'b')).toEqual([both[0]]);
  });
});

import { afterEach, expect, it, vi } from 'vitest';
import { KeyIds } from './key-ids.ts';
import { generateSigningKey, keyIdOf, publicKeyOf, type SigningPublicKey } from './keys.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const newKeys = async (count: number): Promise<SigningPublicKey[]> =>
  Promise.all(Array.from({ length: count }, async () => publicKeyOf(await generateSigningKey())));

it('gives each key its own id, in the order of the keys', async () => {
  const keys = await newKeys(150);
  const ids = new KeyIds();
  expect(await ids.of(keys)).toEqual(await Promise.all(keys.map(keyIdOf)));
  expect(await ids.of([...keys].reverse())).toEqual(await Promise.all([...keys].reverse().map(keyIdOf)));
  expect(await ids.of([])).toEqual([]);
});

it('hashes what was not in the list before, and nothing else', async () => {
  const [a, b, c] = (await newKeys(3)) as [SigningPublicKey, SigningPublicKey, SigningPublicKey];
  const ids = new KeyIds();
  const digest = vi.spyOn(crypto.subtle, 'digest');
  await ids.of([a, b]);
  expect(digest).toHaveBeenCalledTimes(2);
  await ids.of([b, c]);
  expect(digest).toHaveBeenCalledTimes(3);
  await ids.of([a]);
  expect(digest).toHaveBeenCalledTimes(4);
});

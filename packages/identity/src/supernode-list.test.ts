import { beforeAll, describe, expect, it } from 'vitest';
import { generateSigningKey, publicKeyOf, type SigningPrivateKey } from './keys.ts';
import { signObject, verifyObject } from './signed.ts';
import { type ListedSupernode, SupernodeList } from './supernode-list.ts';

const nowMs = 1_800_000_000_000;
const options = { audience: 'dir', nowMs, lifetimeS: 60 };
let key: SigningPrivateKey;
let entry: ListedSupernode;
beforeAll(async () => {
  key = await generateSigningKey();
  const address = ['192.0.2.1:443'];
  const tlsSha256 = ['ab'.repeat(32)];
  entry = { name: 'one', key: publicKeyOf(key), udp: address, control: address, tlsSha256, since: 1 };
});
const revoked = { identity: 'i'.repeat(43), device: 'd'.repeat(43) };

async function check(supernodes: unknown[], revokedDevices: unknown[]) {
  const claims = { version: 1, supernodes, revokedDevices, later: { unknown: true } };
  const token = await signObject(SupernodeList, claims as never, key, options);
  return { token, list: await verifyObject(SupernodeList, token, publicKeyOf(key), options) };
}

/** A short list is checked by typebox's interpreter, a long one by code that it makes. */
describe.each([
  ['a short list', 1],
  ['a long list', 400],
])('%s', (_name, count) => {
  const many = <Item>(item: Item) => Array.from({ length: count }, () => item);

  it('is taken with everything in it, members of later versions too', async () => {
    const supernodes = [...many(entry), { ...entry, later: 1, dnsName: 'one.example' }];
    const { list, token } = await check(supernodes, many(revoked));
    expect(token.length > 65_536).toBe(count > 1);
    expect(list).toMatchObject({ supernodes, revokedDevices: many(revoked) });
  });

  it('is refused for a single member that does not fit, wherever that is', async () => {
    const wrong: object[] = [
      { name: '' },
      { name: 'n'.repeat(65) },
      { name: undefined },
      { key: { ...entry.key, crv: 'X25519' } },
      { key: { ...entry.key, x: 'short' } },
      { udp: [] },
      { udp: ['1'] },
      { control: Array.from({ length: 9 }, () => '192.0.2.1:443') },
      { tlsSha256: ['AB'.repeat(32)] },
      { since: -1 },
      { since: 0.5 },
      { dnsName: 'd'.repeat(254) },
    ];
    const refused = expect.objectContaining({ code: 'signature-invalid' });
    for (const change of wrong) {
      const checked = check([...many(entry), { ...entry, ...change }], many(revoked));
      await expect(checked, JSON.stringify(change)).rejects.toThrow(refused);
    }
    for (const device of [{ ...revoked, device: 'd' }, { identity: revoked.identity }, null, 'x'])
      await expect(check(many(entry), [...many(revoked), device])).rejects.toThrow(refused);
  });
});

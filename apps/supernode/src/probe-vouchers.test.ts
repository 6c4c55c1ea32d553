import { generateSigningKey, keyIdOf, publicKeyOf, type SupernodeEntry } from '@overcall/identity';
import { beforeAll, describe, expect, it } from 'vitest';
import { ProbeVouchers } from './probe-vouchers.ts';

const CLIENT = { address: '198.51.100.7', port: 4711 };
const supernodes: SupernodeEntry[] = [];
const vouchers: ProbeVouchers[] = [];
const ids: string[] = [];
let stranger: ProbeVouchers;

beforeAll(async () => {
  const list = { version: 1, supernodes };
  for (const name of ['a', 'b', 'c', 'stranger']) {
    const key = await generateSigningKey();
    const id = await keyIdOf(key);
    const one = new ProbeVouchers(key, id, () => list);
    if (name === 'stranger') {
      stranger = one;
      continue;
    }
    const addresses = { udp: ['203.0.113.1:1'], control: ['203.0.113.1:1'], tlsSha256: ['0'.repeat(64)] };
    supernodes.push({ name, key: publicKeyOf(key), ...addresses });
    vouchers.push(one);
    ids.push(id);
  }
});

describe('a voucher', () => {
  it('is good at the supernode that it names, and nowhere else', async () => {
    const token = await vouchers[0]!.sign(ids[1]!, CLIENT);
    expect(await vouchers[1]!.check(token)).toMatchObject(CLIENT);
    expect(await vouchers[2]!.check(token)).toBeNull();
  });

  it('of a supernode that is not in the list is not', async () => {
    const token = await stranger.sign(ids[1]!, CLIENT);
    expect(await vouchers[1]!.check(token)).toBeNull();
  });

  it('that was changed is not, and nonsense is not', async () => {
    const [header, , signature] = (await vouchers[0]!.sign(ids[1]!, CLIENT)).split('.');
    const [, payload] = (await vouchers[0]!.sign(ids[1]!, { ...CLIENT, address: '192.0.2.1' })).split('.');
    expect(await vouchers[1]!.check(`${header}.${payload}.${signature}`)).toBeNull();
    for (const text of ['', 'a.b.c', '\0', '..']) expect(await vouchers[1]!.check(text)).toBeNull();
  });

  it('fits into a datagram', async () => {
    const longest = { address: '255.255.255.255', port: 65_535 };
    expect((await vouchers[0]!.sign(ids[1]!, longest)).length).toBeLessThan(650);
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { natPair } from './nat-pair.ts';
import { setupProgram } from './setup-program.ts';
import {
  checkSpec,
  gateway6Of,
  gatewayOf,
  type LabSpec,
  lastAddress6Of,
  type NatSpec,
  throughNat64,
} from './spec.ts';

const NAT: NatSpec = {
  name: 'nat',
  address: '198.51.100.1',
  inside: '192.168.1.0/24',
  mapping: 'eim',
  filtering: 'apdf',
};
const HOST = { name: 'host', address: '203.0.113.1' };
const INSIDE = { name: 'inside', address: '192.168.1.10', behind: 'nat' };

const NAT6: NatSpec = { ...NAT, inside6: '2001:db8:a::/64' };
const OTHER: NatSpec = { ...NAT, name: 'other', address: '198.51.100.2' };
const BEHIND: NatSpec = { ...OTHER, address: '192.168.1.5', behind: 'nat' };
const INSIDE6 = { name: 'inside6', address6: '2001:db8:a::10', behind: 'nat' };
const SIX_HOSTS = [1, 2, 3, 4, 5, 6].map((n) => ({ name: `host-${n}`, address: `203.0.113.${n}` }));

test.for<[field: string, input: unknown]>([
  ['/', null],
  ['/', {}],
  ['/extra', { hosts: [], extra: 1 }],
  ['/hosts/0', { hosts: [{ name: 'a' }] }],
  ['/hosts/0/name', { hosts: [{ ...HOST, name: 'a; reboot' }] }],
  ['/hosts/0/name', { hosts: [{ ...HOST, name: 'internet' }] }],
  ['/hosts/0/name', { hosts: [{ ...HOST, name: 'any' }] }],
  ['/hosts/1/name', { hosts: [HOST, { ...HOST, address: '203.0.113.2' }] }],
  ['/hosts/1/address', { hosts: [HOST, { ...HOST, name: 'other' }] }],
  ['/hosts/0/address', { hosts: [{ ...HOST, address: '2001:db8::1' }] }],
  ['/hosts/0/address', { hosts: [{ ...HOST, address: '0xcb.1' }] }],
  ['/hosts/0/address', { hosts: [{ ...HOST, address: '127.0.0.1' }] }],
  ['/hosts/0/address', { hosts: [{ ...HOST, address: '169.254.0.1' }] }],
  ['/hosts/0/address', { hosts: [{ ...HOST, address: '255.255.255.255' }] }],
  ['/hosts/0/behind', { hosts: [INSIDE] }],
  ['/hosts/0/address', { hosts: [{ ...INSIDE, address: '192.168.2.10' }], nats: [NAT] }],
  ['/hosts/0/address', { hosts: [{ ...INSIDE, address: '192.168.1.1' }], nats: [NAT] }],
  ['/nats/0/inside', { hosts: [], nats: [{ ...NAT, inside: '192.168.1.1/24' }] }],
  ['/nats/0/inside', { hosts: [], nats: [{ ...NAT, inside: '192.168.1.0' }] }],
  ['/nats/0/inside', { hosts: [], nats: [{ ...NAT, inside: '192.168.1.0/31' }] }],
  ['/hosts/0', { hosts: [{ name: 'a', behind: 'nat' }], nats: [NAT] }],
  ['/hosts/0/address6', { hosts: [{ ...HOST, address6: '203.0.113.9' }] }],
  ['/hosts/0/address6', { hosts: [{ ...HOST, address6: '2001:DB8::1' }] }],
  ['/hosts/0/address6', { hosts: [{ ...HOST, address6: '2001:db8:0::1' }] }],
  ['/hosts/0/address6', { hosts: [{ ...HOST, address6: 'fe80::1' }] }],
  ['/hosts/0/address6', { hosts: [{ ...HOST, address6: '2001:db8::1%eth0' }] }],
  ['/hosts/0/address6', { hosts: [{ ...HOST, address6: '64:ff9b::1' }] }],
  ['/hosts/0/address6', { hosts: [{ ...HOST, address6: '2001:2:0:ffff::1' }] }],
  ['/hosts/0/address6', { hosts: [{ ...HOST, address6: '2001:db8:a::5' }], nats: [NAT6] }],
  ['/hosts/1/address6', { hosts: [INSIDE6, { ...INSIDE6, name: 'other' }], nats: [NAT6] }],
  ['/hosts/0/address6', { hosts: [{ ...INSIDE6, address6: '2001:db8:b::1' }], nats: [NAT6] }],
  ['/hosts/0/address6', { hosts: [{ ...INSIDE6, address6: '2001:db8:a::1' }], nats: [NAT6] }],
  ['/hosts/0/address6', { hosts: [{ ...INSIDE6, address6: '2001:db8:a::' }], nats: [NAT6] }],
  ['/hosts/0/address6', { hosts: [INSIDE6], nats: [NAT] }],
  ['/nats/0/inside6', { hosts: [], nats: [{ ...NAT, inside6: '2001:db8:a::1/64' }] }],
  ['/nats/0/inside6', { hosts: [], nats: [{ ...NAT, inside6: '10.0.0.0/8' }] }],
  ['/nats/0/inside6', { hosts: [], nats: [{ ...NAT, inside6: '2001:db8:a::/127' }] }],
  ['/nats/1/inside6', { hosts: [], nats: [NAT6, { ...OTHER, inside6: '2001:db8:a::/48' }] }],
  ['/nats/1/inside6', { hosts: [], nats: [NAT, { ...BEHIND, inside6: '2001:db8:b::/64' }] }],
  ['/nats/0/nat64', { hosts: [], nats: [{ ...NAT, nat64: true }] }],
  ['/nats/0/firewall6', { hosts: [], nats: [{ ...NAT, firewall6: 'open' }] }],
  ['/nats/0/firewall6', { hosts: [], nats: [{ ...NAT6, firewall6: 'shut' }] }],
  [
    '/nats/0/inside',
    { hosts: [...SIX_HOSTS, INSIDE6], nats: [{ ...NAT6, nat64: true, inside: '192.168.1.0/29' }] },
  ],
  [
    '/nats/0/inside',
    { hosts: [INSIDE6, { ...INSIDE, address: '192.168.1.253' }], nats: [{ ...NAT6, nat64: true }] },
  ],
  ['/nats/0/mapping', { hosts: [], nats: [{ ...NAT, mapping: 'cone' }] }],
  ['/nats/0/behind', { hosts: [], nats: [{ ...NAT, address: '192.168.1.9', behind: 'nat' }] }],
  ['/drop/0/from', { hosts: [HOST, INSIDE], nats: [NAT], drop: [{ from: 'inside', to: 'host' }] }],
  ['/drop/0/to', { hosts: [HOST], drop: [{ from: 'host', to: 'nobody' }] }],
  ['/drop/0/port', { hosts: [HOST], drop: [{ from: 'host', to: 'any', port: 53 }] }],
  ['/hosts/0/address', { hosts: [{ ...HOST, address: '198.18.255.1' }] }],
  ['/hosts/0/address', { hosts: [{ ...INSIDE, address: '192.168.1.255' }], nats: [NAT] }],
  ['/nats/0/ports', { hosts: [], nats: [{ ...NAT, ports: 'all' }] }],
  ['/nats/0/ports', { hosts: [INSIDE], nats: [{ ...NAT, ports: { block: 1025 } }] }],
  ['/nats/0/ports', { hosts: [INSIDE, INSIDE], nats: [{ ...NAT, ports: { block: 1024 } }] }],
  ['/nats/0/poisonable', { hosts: [], nats: [{ ...NAT, poisonable: true, ports: 'random' }] }],
  ['/nats/0/hairpin', { hosts: [], nats: [{ ...NAT, hairpin: true, maxAgeS: 30 }] }],
  ['/firewalls/0/at', { hosts: [HOST], firewalls: [{ at: 'nobody', kind: 'udp-blocked' }] }],
  ['/firewalls/0', { hosts: [HOST], firewalls: [{ at: 'host', kind: 'http-connect-proxy' }] }],
  ['/firewalls/0', { hosts: [HOST], firewalls: [{ at: 'host', kind: 'udp-blocked', proxy: 'host' }] }],
  ['/programs/0/on', { hosts: [HOST], programs: [{ on: 'nobody', run: ['true'] }] }],
  ['/expect/0/between', { hosts: [HOST], expect: [{ between: ['host', 'bob'], path: 'relay' }] }],
])('a mistake at %s is reported there', ([field, input]) => {
  expect(() => checkSpec(input)).toThrow(
    expect.objectContaining({
      code: 'bad-scenario',
      message: expect.stringContaining(`scenario: ${field}: `),
    }),
  );
});

test('a host behind a NAT without NAT64 may have nothing but IPv6', () => {
  const spec = { hosts: [INSIDE6], nats: [NAT6] };
  expect(checkSpec(spec)).toBe(spec);
});

test('a router has the first IPv6 address of its network, the lab takes the last', () => {
  expect(gateway6Of('2001:db8:a::/64')).toEqual({ address: '2001:db8:a::1', prefixLength: 64 });
  expect(lastAddress6Of('2001:db8:a::/64')).toBe('2001:db8:a:0:ffff:ffff:ffff:ffff');
  expect(lastAddress6Of('fd00:0:0:1230::/60')).toBe('fd00::123f:ffff:ffff:ffff:ffff');
  expect(throughNat64('203.0.113.20')).toBe('64:ff9b::cb00:7114');
});

test('whatever is accepted is safe in the shell program that is made of it', () => {
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  fc.assert(
    fc.property(text, text, text, (name, address, inside) => {
      let spec: LabSpec;
      try {
        spec = checkSpec({
          hosts: [{ ...HOST, name, address6: address }],
          nats: [{ ...NAT, address, inside, inside6: inside }],
        });
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad-scenario' });
        return;
      }
      expect(setupProgram(spec)).not.toMatch(/[`\\]/);
    }),
  );
});

test('a NAT has the first address of the network inside it', () => {
  expect(gatewayOf({ ...NAT, inside: '10.20.0.0/16' })).toEqual({ address: '10.20.0.1', prefixLength: 16 });
  expect(gatewayOf({ ...NAT, inside: '192.168.7.64/29' })).toEqual({
    address: '192.168.7.65',
    prefixLength: 29,
  });
});

test('the pair of NATs drops direct packets both ways unless told otherwise', () => {
  expect(natPair().drop).toHaveLength(2);
  expect(natPair(undefined, undefined, { direct: true }).drop).toEqual([]);
});

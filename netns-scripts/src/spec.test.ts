import fc from 'fast-check';
import { expect, test } from 'vitest';
import { natPair } from './nat-pair.ts';
import { setupProgram } from './setup-program.ts';
import { checkSpec, gatewayOf, type LabSpec, type NatSpec } from './spec.ts';

const NAT: NatSpec = {
  name: 'nat',
  address: '198.51.100.1',
  inside: '192.168.1.0/24',
  mapping: 'eim',
  filtering: 'apdf',
};
const HOST = { name: 'host', address: '203.0.113.1' };
const INSIDE = { name: 'inside', address: '192.168.1.10', behind: 'nat' };

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

test('whatever is accepted is safe in the shell program that is made of it', () => {
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  fc.assert(
    fc.property(text, text, text, (name, address, inside) => {
      let spec: LabSpec;
      try {
        spec = checkSpec({ hosts: [{ ...HOST, name }], nats: [{ ...NAT, address, inside }] });
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

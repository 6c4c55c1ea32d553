import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import {
  addressBytes,
  addressFromBytes,
  canonicalAddress,
  formatAddressPort,
  parseAddressPort,
} from './ip-address.ts';

describe('canonicalAddress', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
  ])('spells %s as %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  it.each([
    '',
    '1',
    '1.2.3',
    '0x7f.1',
    '0177.0.0.1',
    '1.2.3.04',
    '256.0.0.1',
    '1.2.3.4.5',
    'localhost',
    ':::',
    '1.2.3.4 ',
  ])('refuses %j', (text) => {
    expect(canonicalAddress(text)).toBeNull();
  });
});

it('takes for IPv4 what ipaddr.js does', () => {
  const number = fc.oneof(
    fc.integer({ min: 0, max: 300 }).map(String),
    fc.constantFrom('00', '01', '1e1', '0x1', ' 1', '', '-1', '1\n'),
  );
  const text = fc.array(number, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'));
  fc.assert(
    fc.property(fc.oneof(text, fc.ipV4(), fc.string()), (address) => {
      const isIPv4 = ipaddr.IPv4.isValidFourPartDecimal(address);
      expect(canonicalAddress(address) === address && !address.includes(':')).toBe(isIPv4);
      if (isIPv4)
        expect([...(addressBytes(address) ?? [])]).toEqual(ipaddr.IPv4.parse(address).toByteArray());
    }),
    { numRuns: 1000 },
  );
});

describe('address and port', () => {
  it.each([
    '192.0.2.1',
    '192.0.2.1:',
    '192.0.2.1:65536',
    '2001:db8::1:80',
    '[192.0.2.1]:80',
    '[::1]',
    'host:80',
  ])('refuses %j', (text) => {
    expect(parseAddressPort(text)).toBeNull();
  });

  it('survive a round trip', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 65_535 }), (text, port) => {
        const address = canonicalAddress(text)!;
        expect(parseAddressPort(formatAddressPort({ address, port }))).toEqual({ address, port });
        expect(addressFromBytes(addressBytes(address)!)).toBe(address);
      }),
    );
  });

  it('any text is a value, never an exception', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseAddressPort(text);
        addressBytes(text);
      }),
    );
  });
});

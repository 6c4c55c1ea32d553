import fc from 'fast-check';
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
    '256.0.0.1',
    '1.2.3.4.5',
    'localhost',
    ':::',
    '1.2.3.4 ',
  ])('refuses %j', (text) => {
    expect(canonicalAddress(text)).toBeNull();
  });
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

import { describe, expect, it } from 'vitest';
import { addressPrefix } from './address-prefix.ts';

describe('addressPrefix', () => {
  it.each([
    ['192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.0/24'],
    ['2001:db8:1:2::3', '2001:db8:1::/48'],
    ['2001:db8:1:ffff::', '2001:db8:1::/48'],
    ['', ''],
  ])('of %s is %s', (address, prefix) => {
    expect(addressPrefix(address, { ipv4Bits: 24, ipv6Bits: 48 })).toBe(prefix);
  });

  it('may end within a byte, or be all of the address', () => {
    expect(addressPrefix('10.255.0.1', { ipv4Bits: 10, ipv6Bits: 64 })).toBe('10.192.0.0/10');
    expect(addressPrefix('10.255.0.1', { ipv4Bits: 32, ipv6Bits: 64 })).toBe('10.255.0.1/32');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { behindNat64, prefixOf, throughNat64, WELL_KNOWN_PREFIX } from './nat64-address.ts';

/** RFC 6052, 2.4, tables 2 and 3. */
const VECTORS: [address: string, bits: number, ipv6: string][] = [
  ['2001:db8::', 32, '2001:db8:c000:221::'],
  ['2001:db8:100::', 40, '2001:db8:1c0:2:21::'],
  ['2001:db8:122::', 48, '2001:db8:122:c000:2:2100::'],
  ['2001:db8:122:300::', 56, '2001:db8:122:3c0:0:221::'],
  ['2001:db8:122:344::', 64, '2001:db8:122:344:c0:2:2100:0'],
  ['2001:db8:122:344::', 96, '2001:db8:122:344::c000:221'],
  ['64:ff9b::', 96, '64:ff9b::c000:221'],
];

describe('addresses through a NAT64', () => {
  it.each(VECTORS)('are those of RFC 6052 behind %s/%i', (address, bits, ipv6) => {
    expect(throughNat64('192.0.2.33', { address, bits })).toBe(ipv6);
    expect(behindNat64(ipv6, { address, bits })).toBe('192.0.2.33');
  });

  it('come back as they were, behind any prefix', () => {
    const bits = fc.constantFrom(32, 40, 48, 56, 64, 96);
    fc.assert(
      fc.property(fc.ipV4(), bits, (ipv4, prefixBits) => {
        const prefix = { address: '2001:db8::', bits: prefixBits };
        expect(behindNat64(throughNat64(ipv4, prefix)!, prefix)).toBe(ipv4);
      }),
    );
  });

  it('are told from others', () => {
    expect(behindNat64('2001:db8::1', WELL_KNOWN_PREFIX)).toBeNull();
    expect(behindNat64('64:ff9b:1::c000:221', WELL_KNOWN_PREFIX)).toBeNull();
    expect(behindNat64('192.0.2.33', WELL_KNOWN_PREFIX)).toBeNull();
    expect(throughNat64('2001:db8::1', WELL_KNOWN_PREFIX)).toBeNull();
    expect(throughNat64('somewhere', WELL_KNOWN_PREFIX)).toBeNull();
  });

  it.each([32, 40, 48, 56, 64, 96])('tell their prefix of %i bits by ipv4only.arpa', (bits) => {
    const prefix = { address: '2001:db8::', bits };
    expect(prefixOf(throughNat64('192.0.0.170', prefix)!)).toEqual(prefix);
    expect(prefixOf(throughNat64('192.0.0.171', prefix)!)).toEqual(prefix);
    expect(prefixOf(throughNat64('192.0.0.172', prefix)!)).toBeNull();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressPolicy } from './address-policy.ts';

const publicOnly = addressPolicy();

describe('addressPolicy', () => {
  it.each([
    ['coturn CVE-2020-26262', ['0.0.0.0', '::', '127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1']],
    ['coturn CVE-2026-27624', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:0.0.0.0', '::FFFF:10.0.0.1']],
    ['NAT64 of such', ['64:ff9b::127.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1']],
    [
      'IPv4-compatible and translated',
      ['::127.0.0.1', '::10.0.0.1', '::ffff:0:127.0.0.1', '2002:7f00:1::', '2001:0:1::1'],
    ],
    [
      'private',
      ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd12:3456::1', 'fec0::1'],
    ],
    ['carrier-grade NAT', ['100.64.0.1', '100.127.255.254']],
    ['link-local', ['169.254.169.254', 'fe80::1', 'fe80::1%eth0']],
    ['multicast and broadcast', ['224.0.0.1', '239.1.2.3', '255.255.255.255', 'ff02::1']],
    ['reserved', ['0.1.2.3', '240.0.0.1', '198.18.0.1', '192.0.0.8', '100::1', '4000::1']],
    ['no address', ['', 'localhost', '0x7f.0.0.1', '2130706433', '0177.0.0.1', '127.1', '1.2.3.4.5']],
  ])('refuses %s', (_what, addresses) => {
    for (const address of addresses) expect([address, publicOnly(address)]).toEqual([address, false]);
  });

  it('takes public addresses, and documentation networks as public', () => {
    const addresses = [
      '8.8.8.8',
      '::ffff:8.8.8.8',
      '64:ff9b::8.8.8.8',
      '2a00:1450::1',
      '172.32.0.1',
      '100.128.0.1',
    ];
    const documentation = ['192.0.2.1', '198.51.100.9', '203.0.113.255', '2001:db8::1', '::ffff:192.0.2.1'];
    for (const address of [...addresses, ...documentation]) {
      expect([address, publicOnly(address)]).toEqual([address, true]);
    }
  });

  it('takes what is within --allow-net, in whatever spelling, and nothing more', () => {
    const lab = addressPolicy(['127.0.0.0/8', 'fd00:1::/32']);
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', 'fd00:1::9']) expect(lab(address)).toBe(true);
    for (const address of ['10.0.0.1', '::1', 'fd00:2::9', '0.0.0.0']) expect(lab(address)).toBe(false);
  });

  it('names a network that it cannot read', () => {
    expect(() => addressPolicy(['10.0.0.0'])).toThrow('"10.0.0.0" is not a network');
  });

  it('decides alike about all spellings of an IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const decision = publicOnly(address);
        expect(publicOnly(`::ffff:${address}`)).toBe(decision);
        expect(publicOnly(`64:ff9b::${address}`)).toBe(decision);
      }),
      { numRuns: 1000 },
    );
  });

  it('any text is a value, never an exception', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV6()), (text) => typeof publicOnly(text) === 'boolean'));
  });
});

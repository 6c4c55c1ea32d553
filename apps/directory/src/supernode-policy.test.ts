import { generateSigningKey } from '@overcall/identity';
import { describe, expect, it } from 'vitest';
import { admissionStatus, knownMembers } from './supernode-policy.ts';
import { entryOf } from './test-support.ts';

const key = await generateSigningKey();
const entry = entryOf(key);
const longAddresses = Array.from(
  { length: 4 },
  (_, i) => `[2001:db8:1111:2222:3333:4444:5555:${i}fff]:65535`,
);
const stored = (status: 'admitted' | 'pending' | 'left' | 'removed') => ({
  keyId: 'k',
  entry,
  status,
  updatedAtMs: 0,
  admittedAtMs: null,
});

describe('admissionStatus', () => {
  it('admits anybody well-formed when admission is open, and the approved otherwise', () => {
    expect(admissionStatus(entry, null, 'open')).toBe('admitted');
    expect(admissionStatus(entry, stored('pending'), 'open')).toBe('admitted');
    expect(admissionStatus(entry, null, 'approved')).toBe('pending');
    expect(admissionStatus(entry, stored('admitted'), 'approved')).toBe('admitted');
    expect(admissionStatus(entry, stored('left'), 'approved')).toBe('admitted');
    expect(admissionStatus(entry, null, 'invited')).toBe('invite-needed');
    expect(admissionStatus(entry, stored('admitted'), 'invited')).toBe('admitted');
  });

  it('keeps the removed out', () => {
    expect(() => admissionStatus(entry, stored('removed'), 'open')).toThrow(
      expect.objectContaining({ code: 'supernode-removed' }),
    );
  });

  it.each([
    '192.0.2.1:1',
    '[2001:db8::1]:65535',
    '127.0.0.1:3478',
    '[::ffff:192.0.2.1]:443',
  ])('takes the address %s', (address) => {
    expect(admissionStatus({ ...entry, udp: [address] }, null, 'open')).toBe('admitted');
    expect(admissionStatus({ ...entry, control: [address] }, null, 'open')).toBe('admitted');
  });

  it.each([
    ...['192.0.2.1', '192.0.2.1:0', '192.0.2.1:65536', '192.0.2.256:1', 'example.org:443', '2001:db8::1:443'],
    ...['[192.0.2.1]:443', '[::]:443', '0.0.0.0:443', '[::ffff:0.0.0.0]:443', '0.1.2.3:1', '224.0.0.1:443'],
    ...['255.255.255.255:443', '[ff02::1]:443', '[::ffff:224.0.0.1]:443', '127.1:443', ' 192.0.2.1:443'],
  ])('refuses the address %s', (address) => {
    for (const changed of [{ udp: [address] }, { control: [address] }]) {
      expect(() => admissionStatus({ ...entry, ...changed }, null, 'open')).toThrow(
        expect.objectContaining({ code: 'supernode-entry-invalid' }),
      );
    }
  });

  it.each([
    { name: 'a b' },
    { name: 'a\u001b[2J' },
    { name: '\u202eevil' },
    { dnsName: 'nodots' },
    { dnsName: 'a..b' },
    { udp: Array.from({ length: 5 }, (_, i) => `192.0.2.${i + 1}:1`) },
    { control: Array.from({ length: 5 }, (_, i) => `192.0.2.${i + 1}:1`) },
    {
      name: '☎'.repeat(64),
      dnsName: `${'d'.repeat(63)}.${'e'.repeat(63)}.${'f'.repeat(63)}.org`,
      udp: longAddresses,
      control: longAddresses,
    },
  ])('refuses %j', (changed) => {
    expect(() => admissionStatus({ ...entry, ...changed }, null, 'open')).toThrow(
      expect.objectContaining({ code: 'supernode-entry-invalid' }),
    );
  });
});

describe('knownMembers', () => {
  it('leaves out what is not known, the private half of a key above all', () => {
    const more = { ...entry, key, dnsName: 'sn.example.org', later: true };
    expect(knownMembers(more)).toEqual({ ...entry, dnsName: 'sn.example.org' });
  });
});

import { describe, expect, it } from 'vitest';
import { AddressCounter } from './address-counter.ts';

describe('AddressCounter', () => {
  it('lets each address have so many, until they are given back', () => {
    const counter = new AddressCounter(2);
    const release = counter.admit('192.0.2.1')!;
    expect(counter.admit('::ffff:192.0.2.1')).not.toBeNull();
    expect(counter.admit('192.0.2.1')).toBeNull();
    expect(counter.admit('192.0.2.2')).not.toBeNull();
    release();
    release();
    expect(counter.admit('192.0.2.1')).not.toBeNull();
    expect(counter.admit('192.0.2.1')).toBeNull();
  });

  it('takes the addresses of one IPv6 /64 for one', () => {
    const counter = new AddressCounter(1);
    expect(counter.admit('2001:db8:0:1::1')).not.toBeNull();
    expect(counter.admit('2001:db8:0:1:ffff::2')).toBeNull();
    expect(counter.admit('2001:db8:0:2::1')).not.toBeNull();
    expect(counter.admit('')).not.toBeNull();
  });
});

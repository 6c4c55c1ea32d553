import { formatAddressPort, parseAddressPort } from '@overcall/traversal';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KnownAddresses } from './known-addresses.ts';

const source = fc.record({
  address: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1'),
  port: fc.integer({ min: 1, max: 65_535 }),
});

test('says what was said without it, of many senders and of few', () => {
  fc.assert(
    fc.property(fc.array(source, { maxLength: 30 }), (sources) => {
      const known = new KnownAddresses();
      for (const each of [...sources, ...sources]) {
        const text = formatAddressPort(each);
        expect(known.textOf(each)).toBe(text);
        expect(known.read(text)).toEqual(parseAddressPort(text));
      }
    }),
  );
  const many = new KnownAddresses();
  for (let port = 1; port <= 5000; port++) {
    expect(many.textOf({ address: '192.0.2.1', port })).toBe(`192.0.2.1:${port}`);
    expect(many.read(`192.0.2.1:${port}`)).toEqual({ address: '192.0.2.1', port });
  }
  expect(many.read('nowhere')).toBeNull();
  expect(many.read('nowhere')).toBeNull();
});

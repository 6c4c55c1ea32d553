import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DestinationCache, portWord, SourceCache, socketAddress } from './socket-address.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

it('writes addresses as the system has them', () => {
  expect(hex(socketAddress({ address: '192.0.2.1', port: 443 }))).toBe('020001bbc00002010000000000000000');
  expect(hex(socketAddress({ address: '2001:db8::7', port: 5000 }))).toBe(
    '0a00138800000000' + '20010db8000000000000000000000007' + '00000000',
  );
});

it.each([
  ['IPv4', fc.ipV4(), false],
  ['IPv6', fc.tuple(fc.nat(3), fc.nat(0xffff)).map(([a, b]) => `2001:db8:${a}::${b.toString(16)}:1`), true],
] as const)('reads back what was written, one object for each sender (%s)', (_name, anyAddress, isV6) => {
  const cache = new SourceCache(isV6, (address, port) => ({ address, port }));
  const destinations = new DestinationCache();
  fc.assert(
    fc.property(anyAddress, fc.integer({ min: 1, max: 65_535 }), fc.nat(3), (address, port, place) => {
      const memory = new ArrayBuffer(160);
      const bytes = new Uint8Array(memory);
      const words = new Int32Array(memory);
      bytes.set(socketAddress({ address, port }), 32 * place);
      const source = cache.at(bytes, words, 32 * place);
      expect(hex(socketAddress(source))).toBe(hex(socketAddress({ address, port })));
      expect(source.port).toBe(port);
      expect(cache.at(bytes, words, 32 * place)).toBe(source);
      const destination = destinations.get(source.address)!.slice();
      destination[0] = portWord(destination, port);
      expect(hex(new Uint8Array(destination.buffer))).toBe(hex(socketAddress({ address, port })));
    }),
    { numRuns: 20_000 },
  );
});

it('remembers senders whose addresses and ports are neighbours', () => {
  const senders = Array.from({ length: 200 }, (_, i) => ({
    address: `198.51.100.${1 + (i & 1)}`,
    port: 10_000 + (i >> 1),
  }));
  const memory = new ArrayBuffer(16 * senders.length);
  const bytes = new Uint8Array(memory);
  for (const [i, sender] of senders.entries()) bytes.set(socketAddress(sender), 16 * i);
  let made = 0;
  const cache = new SourceCache(false, () => ++made);
  const askForAll = () => senders.forEach((_, i) => void cache.at(bytes, new Int32Array(memory), 16 * i));
  askForAll();
  expect(made).toBe(senders.length);
  askForAll();
  // By chance two in a hundred or so share a place; hardly ever three.
  expect(made - senders.length).toBeLessThan(3);
});

it('takes nothing but addresses', () => {
  for (const address of ['', 'example.org', '1.2.3', '1.2.3.4.5', '::g'])
    expect(new DestinationCache().get(address)).toBeNull();
});

import { WELL_KNOWN_PREFIX } from '@overcall/traversal';
import { expect, it } from 'vitest';
import { globalThroughNat64, reachableHost } from './nat64.ts';

it.each([
  ['8.8.8.8', '64:ff9b::808:808'],
  ['203.0.113.20', '64:ff9b::cb00:7114'],
  ['127.0.0.1', null],
  ['10.0.0.1', null],
  ['192.168.1.1', null],
  ['100.64.0.1', null],
  ['169.254.169.254', null],
  ['224.0.0.251', null],
  ['255.255.255.255', null],
  ['0.0.0.0', null],
])('sends %s through a NAT64 as %s', (ipv4, ipv6) => {
  expect(globalThroughNat64(ipv4, WELL_KNOWN_PREFIX)).toBe(ipv6);
});

it('leaves IPv6 addresses and loopback alone, wherever it runs', async () => {
  for (const host of ['::1', '2001:db8::1', '127.0.0.1']) expect(await reachableHost(host)).toBe(host);
});

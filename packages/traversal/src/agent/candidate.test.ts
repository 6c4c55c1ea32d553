import { expect, it } from 'vitest';
import { mayCheck } from './candidate.ts';

const OWN = ['192.168.1.0/24', '2001:db8:a::/64', 'fd00:1::/64'];

it.each([
  ['198.51.100.7:5000', true],
  ['8.8.8.8:53', true],
  ['[2001:db8:b::1]:9', true],
  ['192.168.1.20:5000', true],
  ['[fd00:1::2]:9', true],
  ['192.168.2.20:5000', false],
  ['10.0.0.1:80', false],
  ['100.64.0.1:80', false],
  ['[fd00:2::2]:9', false],
  ['127.0.0.1:22', false],
  ['[::1]:22', false],
  ['[::ffff:127.0.0.1]:22', false],
  ['0.0.0.0:22', false],
  ['[::]:22', false],
  ['224.0.0.251:5353', false],
  ['[ff02::fb]:5353', false],
  ['255.255.255.255:9', false],
  ['240.0.0.1:9', false],
  ['169.254.169.254:80', false],
  ['[fe80::1]:9', false],
  ['[64:ff9b::7f00:1]:9', false],
  ['[64:ff9b::c633:6407]:9', false],
  ['[64:ff9b:1::7f00:1]:9', false],
  ['198.51.100.7:0', false],
  ['example.com:80', false],
])('whether a peer may have us check %s: %s', (address, may) => {
  expect(mayCheck(address, OWN)).toBe(may);
});

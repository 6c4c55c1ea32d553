import { expect, test } from 'vitest';
import { checkSpec, type LabSpec } from '../spec.ts';
import { directionsOf } from './directions.ts';
import { assertLink } from './link-spec.ts';
import { withLinks } from './with-links.ts';

const HOSTS: LabSpec = {
  hosts: [
    { name: 'a', address: '203.0.113.1' },
    { name: 'b', address: '203.0.113.2' },
  ],
};

test.for<[field: string, link: object]>([
  ['/links/0/node', { node: 'nobody' }],
  ['/links/0/delay', { node: 'a', delay: 5 }],
  ['/links/0/delayMs', { node: 'a', delayMs: -1 }],
  ['/links/0/lossPct', { node: 'a', lossPct: 101 }],
  ['/links/0/jitterMs', { node: 'a', delayMs: 5, jitterMs: 6 }],
  ['/links/0/jitter', { node: 'a', delayMs: 5, jitter: 'normal' }],
  ['/links/0/up/jitterMs', { node: 'a', delayMs: 5, jitterMs: 5, up: { delayMs: 4 } }],
  ['/links/0/down/lossPct', { node: 'a', down: { lossPct: 'all' } }],
  ['/links/0/reorderPct', { node: 'a', reorderPct: 5 }],
  ['/links/0/queueMs', { node: 'a', queueMs: 5 }],
  ['/links/0/burst', { node: 'a', burst: { meanLength: 4 } }],
  ['/links/0/burst/meanLength', { node: 'a', lossPct: 50, burst: { meanLength: 1.5 } }],
])('a mistake at %s is reported there', ([field, link]) => {
  expect(() => checkSpec({ ...HOSTS, links: [link] })).toThrow(
    expect.objectContaining({
      code: 'bad-scenario',
      message: expect.stringContaining(`scenario: ${field}: `),
    }),
  );
});

test('a node has one link', () => {
  expect(() => checkSpec({ ...HOSTS, links: [{ node: 'a' }, { node: 'a' }] })).toThrow(
    '/links/1/node: "a" has a link',
  );
});

test('a link that comes by itself is checked in the same way', () => {
  expect(() => assertLink({ delayMs: 20, up: { lossPct: 3, burst: { meanLength: 4 } } })).not.toThrow();
  expect(() => assertLink({ up: { queueMs: 3 } })).toThrow('link: /up/queueMs: needs "kbitPerS"');
  expect(() => assertLink({ node: 'a' })).toThrow('link: /node: unknown field');
  expect(() => assertLink(null)).toThrow('link: /: ');
});

test('what is said of one direction wins over what is said of both', () => {
  expect(directionsOf({ delayMs: 20, lossPct: 1, down: { lossPct: 5 } })).toEqual({
    up: { delayMs: 20, lossPct: 1 },
    down: { delayMs: 20, lossPct: 5 },
  });
});

test('links go to the access links, or to the nodes named, in place of those that were there', () => {
  const nat = { mapping: 'eim', filtering: 'eif' } as const;
  const spec: LabSpec = {
    hosts: HOSTS.hosts,
    nats: [
      { name: 'carrier', address: '198.51.100.1', inside: '100.64.0.0/24', ...nat },
      { name: 'home', address: '100.64.0.2', behind: 'carrier', inside: '192.168.1.0/24', ...nat },
    ],
  };
  const slow = withLinks(spec, { delayMs: 20 });
  expect(slow.links).toEqual([{ node: 'carrier', delayMs: 20 }]);
  expect(withLinks(slow, { lossPct: 1 }).links).toEqual([{ node: 'carrier', lossPct: 1 }]);
  expect(withLinks(slow, { lossPct: 1 }, ['a', 'b']).links).toEqual([
    { node: 'carrier', delayMs: 20 },
    { node: 'a', lossPct: 1 },
    { node: 'b', lossPct: 1 },
  ]);
  expect(checkSpec(slow)).toBe(slow);
});

import { expect, test } from 'vitest';
import { NAT_KIND_NAMES } from '../nat-pairs.ts';
import { problemsOf } from '../spec.ts';
import { readKinds } from './kinds.ts';
import { callerNatAddress, matrixLab, mostTries } from './matrix-lab.ts';

test.for<[text: string, ports: unknown[]]>([
  ['eim-apdf,apdm-apdf', ['preserve', 'random']],
  ['apdm-apdf:sequential, apdm-apdf:block=256', ['sequential', { block: 256 }]],
  ['eim-eif:random,adm-adf:sequential=3', ['random', { sequential: 3 }]],
])('%s', ([text, ports]) => {
  expect(readKinds(text).map(({ nat }) => nat.ports)).toEqual(ports);
});

test.for<[text: string, complaint: string]>([
  ['', '"" is none of eim-eif, '],
  ['eim-apdf,', '"" is none of '],
  ['cone', '"cone" is none of '],
  ['eim-eif:random:random', 'is none of '],
  ['eim-eif:block', 'ports are preserve, random'],
  ['eim-eif:block=-1', 'ports are preserve, random'],
  ['eim-eif,eim-adf,eim-eif', '"eim-eif" is there twice'],
])('"%s" is refused: %s', ([text, complaint]) => {
  expect(() => readKinds(text)).toThrow(complaint);
});

test('the network of all kinds is valid, and every try comes from an address that nobody else has', () => {
  const spec = matrixLab(readKinds(NAT_KIND_NAMES.join(',')), { delayMs: 20 });
  expect(problemsOf(spec)).toEqual([]);
  expect(spec.nats).toHaveLength(18);
  expect(spec.links).toHaveLength(18);
  const size = NAT_KIND_NAMES.length;
  const addresses = Array.from({ length: mostTries(size) }, (_, attempt) =>
    NAT_KIND_NAMES.map((_name, row) => callerNatAddress(row, attempt, size)),
  ).flat();
  expect(new Set(addresses).size).toBe(addresses.length);
  for (const address of addresses) expect(Number(address.split('.')[3])).toBeLessThanOrEqual(254);
});

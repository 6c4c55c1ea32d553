import { expect, test } from 'vitest';
import { natPair } from '../nat-pair.ts';
import { readScenario } from '../spec/read.ts';
import { type LabSpec, type NatSpec, problemsOf } from '../spec.ts';
import { canMapPorts } from './port-mapping-spec.ts';

const withNat = (changes: object): LabSpec => {
  const spec = natPair();
  const [first, ...rest] = spec.nats!;
  return { ...spec, nats: [{ ...first!, address: '11.22.33.1', ...changes } as NatSpec, ...rest] };
};

test('every choice of protocols is valid at an ordinary address', () => {
  for (const portMapping of [['pcp'], ['nat-pmp', 'upnp-igd'], ['upnp-igd', 'nat-pmp', 'pcp']])
    expect(problemsOf(withNat({ portMapping }))).toEqual([]);
});

test.for<[changes: object, field: string, words: string]>([
  [{ portMapping: [] }, '/nats/0/portMapping', 'fewer than 1'],
  [{ portMapping: ['pcp', 'pcp'] }, '/nats/0/portMapping', 'duplicate'],
  [{ portMapping: ['upnp'] }, '/nats/0/portMapping/0', 'must be one of upnp-igd, nat-pmp, pcp'],
  [{ portMapping: 'pcp' }, '/nats/0/portMapping', 'must be array'],
  [{ portMapping: ['pcp'], maxAgeS: 30 }, '/nats/0/portMapping', 'maxAgeS'],
  [{ portMapping: ['pcp'], address: '198.51.100.1' }, '/nats/0/address', 'any ordinary unicast address'],
  [{ portMapping: ['pcp'], address: '10.9.9.9' }, '/nats/0/address', '10.9.9.9 is private or reserved'],
])('%j is a mistake in %s', ([changes, field, words]) => {
  expect(problemsOf(withNat(changes))).toEqual([{ field, message: expect.stringContaining(words) }]);
});

test('the mistake is shown where the address stands', () => {
  const text = JSON.stringify(withNat({ portMapping: ['pcp'], address: '203.0.113.9' }), null, 1);
  const line = text.split('\n').findIndex((one) => one.includes('203.0.113.9')) + 1;
  expect(() => readScenario(text, 'mine.json')).toThrow(
    `mine.json:${line}:4: /nats/0/address: 203.0.113.9 is`,
  );
});

test('an event must not take a NAT with port mapping to a reserved address', () => {
  const spec = withNat({ portMapping: ['pcp'] });
  const events: LabSpec['events'] = [{ at: 1, do: 'renumber', nat: 'nat-a', address: '198.51.100.77' }];
  expect(problemsOf({ ...spec, events })).toEqual([
    { field: '/events/0', message: expect.stringContaining('198.51.100.77 is private or reserved') },
  ]);
});

test.for([
  ['11.22.33.1', true],
  ['100.64.0.10', false],
  ['192.168.1.2', false],
  ['203.0.113.1', false],
  ['198.18.0.1', false],
] as const)('ports can be mapped at %s: %s', ([address, can]) => {
  expect(canMapPorts({ address })).toBe(can);
});

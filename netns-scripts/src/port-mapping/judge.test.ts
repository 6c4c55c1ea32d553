import { expect, test } from 'vitest';
import type { NatSpec } from '../spec.ts';
import { portMappingDifferences, portMappingOf } from './judge.ts';
import type { PortMappingMeasurement } from './messages.ts';

const NAT: NatSpec = {
  name: 'home',
  address: '11.22.33.1',
  inside: '192.168.1.0/24',
  mapping: 'eim',
  filtering: 'apdf',
  portMapping: ['pcp'],
};
const BEHIND: NatSpec = { ...NAT, address: '100.64.0.10', behind: 'carrier' };

const maps: PortMappingMeasurement = { address: '11.22.33.1', passed: { mapped: true, deleted: false } };
const refuses: PortMappingMeasurement = { address: null, passed: { mapped: false, deleted: false } };

test('what is as claimed is no difference', () => {
  expect(portMappingDifferences(NAT, { pcp: maps, 'nat-pmp': null, 'upnp-igd': null })).toEqual([]);
  expect(portMappingDifferences(BEHIND, { pcp: refuses })).toEqual([]);
  expect(portMappingOf({ pcp: maps, 'nat-pmp': refuses, 'upnp-igd': null })).toEqual({
    pcp: 'maps',
    'nat-pmp': 'refuses',
  });
});

test.for<[difference: string, nat: NatSpec, pcp: PortMappingMeasurement | null]>([
  ['it does not answer pcp', NAT, null],
  ['pcp refuses to map a port', NAT, refuses],
  ['pcp tells the address 1.2.3.4, not 11.22.33.1', NAT, { ...maps, address: '1.2.3.4' }],
  [
    'a stranger does not reach a port that pcp has mapped',
    NAT,
    { ...maps, passed: { mapped: false, deleted: false } },
  ],
  [
    'a stranger still reaches a port that pcp has deleted',
    NAT,
    { ...maps, passed: { mapped: true, deleted: true } },
  ],
  ['pcp maps ports at 11.22.33.1, which is not public', BEHIND, maps],
])('says "%s"', ([difference, nat, pcp]) => {
  expect(portMappingDifferences(nat, { pcp })).toEqual([difference]);
});

test('a protocol that is not claimed must not answer', () => {
  expect(portMappingDifferences(NAT, { pcp: maps, 'upnp-igd': refuses })).toEqual(['it answers upnp-igd']);
});

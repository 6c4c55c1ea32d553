import { expect, it } from 'vitest';
import { loadScenario } from '../scenarios.ts';
import { faultsOf, truthOf } from './doctor-truth.ts';

const RIGHT = {
  ...{
    directory: 'reachable',
    control: 'open',
    udp: 'open',
    hairpin: 'no',
    mapping: 'eim',
    filtering: 'apdf',
  },
  ports: { kind: 'preserved' },
  publicAddresses: ['198.51.100.1'],
  ipv6: { works: 'no', publicAddress: null },
  portMapping: { upnp: 'no', natPmp: 'no', pcp: 'no' },
};
const faults = (scenario: string, change: object) =>
  faultsOf({ ...RIGHT, ...change }, loadScenario(scenario), 'alice');

it.each<[string, object, string[]]>([
  ['natPair', {}, []],
  ['natPair', { mapping: 'unknown' }, ['mapping is eim, not unknown']],
  ['natPair', { ports: { kind: 'random' } }, ['ports is preserved, not random']],
  ['natPair', { ipv6: { works: 'unknown', publicAddress: null } }, ['ipv6 is no, not unknown']],
  ['natPair', { portMapping: { ...RIGHT.portMapping, pcp: 'yes' } }, ['pcp is no, not yes']],
  ['natPairLoss30', { mapping: 'unknown' }, []],
  ['natPairLoss30', { mapping: 'apdm' }, ['mapping is eim, not apdm']],
  ['natPairLoss30', { portMapping: { ...RIGHT.portMapping, upnp: 'unknown' } }, ['upnp is no, not unknown']],
])('%s, %j: %j', (scenario, change, expected) => {
  expect(faults(scenario, change)).toEqual(expected);
});

it('sees all of nothing as wrong', () => {
  const spec = loadScenario('natPair');
  expect(faultsOf({ stderr: 'crashed' }, spec, 'alice')).toHaveLength(
    Object.keys(truthOf(spec, 'alice')).length,
  );
});

it.each<[string, object]>([
  ['port-mapping-nat-pmp', { upnp: 'no', natPmp: 'yes', pcp: 'no' }],
  ['ipv6-only-nat64', { ipv6: 'unknown', mapping: 'eim', upnp: 'unknown', publicAddress: '198.51.100.1' }],
  ['dual-stack', { ipv6: 'yes', ipv6Address: '2001:db8:a::10' }],
  ['firewall-no-nat', { udp: 'blocked', control: 'open', ports: 'unknown', upnp: 'unknown' }],
  ['port-mapping-double-nat', { mapping: 'apdm', ports: 'block' }],
])('%s: %j', (scenario, truth) => {
  expect(truthOf(loadScenario(scenario), 'alice')).toMatchObject(truth);
});

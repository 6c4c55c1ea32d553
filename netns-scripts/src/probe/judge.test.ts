import { expect, test } from 'vitest';
import type { NatSpec } from '../spec.ts';
import { behaviourOf, differences, differences6, ipv6BehaviourOf } from './judge.ts';
import type { Endpoint, Measurement } from './messages.ts';

const at = (port: number): Endpoint => ['198.51.100.1', port];

/** A port-restricted NAT that preserves ports. */
const measured = (changes: Partial<Measurement> = {}): Measurement => ({
  sameSocket: [at(5000), at(5000), at(5000)],
  other: at(5001),
  passed: { otherPort: false, otherAddress: false },
  fresh: [5002, 5007, 5003].map((port) => ({ inside: port, outside: port })),
  hairpin: false,
  ...changes,
});

const fresh = (...ports: number[]) => ports.map((outside, index) => ({ inside: 50_000 + index, outside }));

test.for<[mapping: NatSpec['mapping'], ports: [number, number, number]]>([
  ['eim', [1, 1, 1]],
  ['adm', [1, 1, 2]],
  ['apdm', [1, 2, 3]],
])('mapping is %s if three destinations see the ports %j', ([mapping, ports]) => {
  expect(behaviourOf(measured({ sameSocket: ports.map(at) })).mapping).toBe(mapping);
});

test.for<[filtering: NatSpec['filtering'], otherPort: boolean, otherAddress: boolean]>([
  ['apdf', false, false],
  ['adf', true, false],
  ['eif', true, true],
  ['eif', false, true],
])('filtering is %s if answers pass from another port: %s, address: %s', ([
  filtering,
  otherPort,
  otherAddress,
]) => {
  expect(behaviourOf(measured({ passed: { otherPort, otherAddress } })).filtering).toBe(filtering);
});

test.for<[ports: NatSpec['ports'], changes: Partial<Measurement>]>([
  ['preserve', {}],
  ['sequential', { sameSocket: [at(100), at(100), at(100)], other: at(101), fresh: fresh(102, 103, 104) }],
  [{ sequential: 2 }, { sameSocket: [at(100), at(102), at(104)], other: at(106), fresh: fresh(108, 110) }],
  // The last three alone would look like a sequence.
  [{ block: 8 }, { sameSocket: [at(105), at(107), at(100)], other: at(101), fresh: fresh(102, 104, 106) }],
  ['random', { sameSocket: [at(60_000), at(7), at(9)], other: at(40_000), fresh: fresh(3, 4, 5) }],
])('port allocation is %j', ([ports, changes]) => {
  expect(behaviourOf(measured(changes)).ports).toEqual(ports);
});

test('no hairpin means nothing where the filter would forbid it anyway', () => {
  const symmetric = measured({ sameSocket: [at(1), at(2), at(3)] });
  expect(behaviourOf(symmetric).hairpin).toBeNull();
  expect(behaviourOf({ ...symmetric, hairpin: true }).hairpin).toBe(true);
  expect(behaviourOf({ ...symmetric, passed: { otherPort: true, otherAddress: true } }).hairpin).toBe(false);
});

test('IPv6 is as claimed if nobody translates it and the filter is the one', () => {
  const own: Endpoint = ['2001:db8:a::10', 5000];
  const through = (changes: Partial<Measurement> = {}) =>
    ipv6BehaviourOf(
      measured({ sameSocket: [own, own, own], other: [own[0], 5001], fresh: [], ...changes }),
      own[0],
    );
  const stateful = through();
  expect(stateful).toEqual({ translatedTo: null, firewall6: 'stateful' });
  const open = through({ passed: { otherPort: true, otherAddress: true } });
  expect(open.firewall6).toBe('open');
  const claim = {} as NatSpec;
  expect([differences6(claim, stateful), differences6({ ...claim, firewall6: 'open' }, open)]).toEqual([
    [],
    [],
  ]);
  expect(differences6(claim, open)).toEqual(['IPv6 firewall is open, not stateful']);
  const moved = through({ fresh: [{ inside: 5002, outside: 6000 }] });
  expect(differences6(claim, moved)).toEqual(['IPv6 is translated, to 2001:db8:a::10 port 6000']);
  expect(through({ other: ['2001:db8:a::1', 5001] }).translatedTo).toEqual(['2001:db8:a::1', 5001]);
});

test('every difference is told, and a block may be larger than what was seen of it', () => {
  const claim = { mapping: 'eim', filtering: 'apdf' } as NatSpec;
  expect(differences(claim, behaviourOf(measured()))).toEqual([]);
  expect(
    differences({ ...claim, ports: { sequential: 1 } }, { ...behaviourOf(measured()), ports: 'sequential' }),
  ).toEqual([]);
  const block = { ...behaviourOf(measured()), ports: { block: 60 } };
  expect(differences({ ...claim, ports: { block: 64 } }, block)).toEqual([]);
  expect(differences({ ...claim, filtering: 'eif', hairpin: true, ports: { block: 32 } }, block)).toEqual([
    'filtering is apdf, not eif',
    'port allocation is {"block":60}, not {"block":32}',
    'hairpin is off, not on',
  ]);
});

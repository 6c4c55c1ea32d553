import { expect, test } from 'vitest';
import { bestPath, networkOf, type Path } from './oracle.ts';
import { connectsPlainly } from './puncher.test-support.ts';
import { Random } from './random.ts';
import { randomPair } from './random-network.ts';
import type { Filtering, Mapping, NatKind, Ports, Scenario } from './scenario.ts';

const MAPPINGS: readonly Mapping[] = ['eim', 'adm', 'apdm'];
const FILTERINGS: readonly Filtering[] = ['eif', 'adf', 'apdf'];
const KIND_NAMES = MAPPINGS.flatMap((mapping) => FILTERINGS.map((filtering) => `${mapping}-${filtering}`));

const kindOf = (name: string, ports: Ports): NatKind => {
  const [mapping, filtering] = name.split('-') as [Mapping, Filtering];
  return { mapping, filtering, ports };
};

const between = (scenario: Scenario): Path =>
  bestPath(networkOf(scenario, 'alice'), networkOf(scenario, 'bob'));

const SUPERNODE = { name: 'supernode', address: '203.0.113.20' };

function homes(alice: NatKind, bob: NatKind): Scenario {
  return {
    hosts: [
      SUPERNODE,
      { name: 'alice', address: '192.168.1.10', behind: 'nat-a' },
      { name: 'bob', address: '10.0.0.10', behind: 'nat-b' },
    ],
    nats: [
      { name: 'nat-a', address: '198.51.100.1', inside: '192.168.1.0/24', ...alice },
      { name: 'nat-b', address: '198.51.100.2', inside: '10.0.0.0/24', ...bob },
    ],
  };
}

/** Rows and columns in the order of KIND_NAMES: p(lain), f(oretold), s(pray), c(hance), r(elay). */
const WORD: Record<string, Path> = { p: 'plain', f: 'predict', s: 'spray', c: 'chance', r: 'relay' };

/** As in the field: who maps by destination gives random ports; who does not, preserves them. */
const RANDOM_TABLE = `
  ppp ppp ppp
  ppp ppp ppp
  ppp pss pss
  ppp ppp ppp
  pps pss pss
  pps psr psr
  ppp ppp ppp
  pps pss pss
  pps psr psr`;

const SEQUENTIAL_TABLE = RANDOM_TABLE.replace(/[sr]/g, 'f');

/** Who takes another port of a block for each probe soon has none left. */
const LARGE_BLOCK_TABLE = `
  ppp ppp ppp
  ppp ppp ppp
  ppp pss pss
  ppp ppp ppp
  pps pss psc
  pps psr psr
  ppp ppp ppp
  pps pss pcc
  pps pcr pcr`;

/** Two with small blocks: enough ports are opened where one of them keeps its port towards an address. */
const SMALL_BLOCK_TABLE = `
  ppp ppp ppp
  ppp ppp ppp
  ppp pss pss
  ppp ppp ppp
  pps pss pss
  pps pss pss
  ppp ppp ppp
  pps pss pcc
  pps pss pcc`;

const rowsOf = (table: string) =>
  table
    .trim()
    .split('\n')
    .map((row) => [...row.replaceAll(' ', '')]);

test.for([
  ['random', RANDOM_TABLE],
  ['sequential', SEQUENTIAL_TABLE],
  [{ block: 256 }, SMALL_BLOCK_TABLE],
  [{ block: 512 }, LARGE_BLOCK_TABLE],
] as const)('knows what each pair of kinds allows with %j ports', ([ports, table]) => {
  for (const [row, words] of rowsOf(table).entries())
    for (const [column, word] of words.entries()) {
      const [a, b] = [row, column].map((index) => {
        const kind = kindOf(KIND_NAMES[index]!, ports);
        return kind.mapping === 'eim' ? { ...kind, ports: 'preserve' as const } : kind;
      }) as [NatKind, NatKind];
      expect([KIND_NAMES[row], KIND_NAMES[column], between(homes(a, b))]).toEqual([
        KIND_NAMES[row],
        KIND_NAMES[column],
        WORD[word],
      ]);
    }
});

const ALLOCATORS: readonly Ports[] = ['preserve', 'random', 'sequential', { block: 64 }];

test.for(ALLOCATORS)('says plain where ordinary checks connect, and only there (%j)', (portsOfAlice) => {
  for (const alice of KIND_NAMES)
    for (const bob of KIND_NAMES)
      for (const portsOfBob of ALLOCATORS) {
        const scenario = homes(kindOf(alice, portsOfAlice), kindOf(bob, portsOfBob));
        const connects = connectsPlainly(scenario);
        expect([alice, bob, portsOfBob, between(scenario) === 'plain']).toEqual([
          alice,
          bob,
          portsOfBob,
          connects,
        ]);
      }
});

test('says so of random networks too', () => {
  const wrong: { seed: number; path: Path; connects: boolean }[] = [];
  for (let seed = 1; seed <= 4000; seed++) {
    const scenario = randomPair(new Random(seed));
    const [path, connects] = [between(scenario), connectsPlainly(scenario)];
    if ((path === 'plain') !== connects) wrong.push({ seed, path, connects });
  }
  expect(wrong).toEqual([]);
});

const CONE: NatKind = { mapping: 'eim', filtering: 'apdf' };
const SYMMETRIC: NatKind = { mapping: 'apdm', filtering: 'apdf', ports: 'random' };
const sameNat = (kind: NatKind): Scenario => ({
  hosts: [
    SUPERNODE,
    { name: 'alice', address: '192.168.1.10', behind: 'nat' },
    { name: 'bob', address: '192.168.1.11', behind: 'nat' },
  ],
  nats: [{ name: 'nat', address: '198.51.100.1', inside: '192.168.1.0/24', ...kind }],
});
/** Alice behind her home's NAT and the carrier's, bob behind one. */
const doubleNat = (home: NatKind, carrier: NatKind, bob: NatKind): Scenario => {
  const scenario = homes({ ...home }, bob);
  const [natA, natB] = scenario.nats!;
  return {
    hosts: scenario.hosts,
    nats: [
      { ...natA!, address: '100.64.0.10', behind: 'carrier' },
      natB!,
      { name: 'carrier', address: '198.51.100.9', inside: '100.64.0.0/24', ...carrier },
    ],
  };
};
const sameCarrier = (carrier: NatKind): Scenario => {
  const scenario = doubleNat(CONE, { isolated: true, ...carrier }, CONE);
  Object.assign(scenario.nats![1]!, { address: '100.64.0.11', behind: 'carrier' });
  return scenario;
};
const withIPv6 = (scenario: Scenario): Scenario => ({
  ...scenario,
  hosts: scenario.hosts.map((host, index) => ({ ...host, address6: `2001:db8::${1 + index}` })),
});

test.for<[string, Scenario, Path]>([
  ['the same LAN', sameNat(SYMMETRIC), 'plain'],
  ['the same NAT, isolated', sameNat({ ...CONE, isolated: true }), 'relay'],
  ['the same NAT, isolated, with hairpin', sameNat({ ...CONE, isolated: true, hairpin: true }), 'plain'],
  ['the same symmetric NAT with hairpin', sameNat({ ...SYMMETRIC, isolated: true, hairpin: true }), 'relay'],
  ['a double NAT of cones', doubleNat(CONE, CONE, CONE), 'plain'],
  ['a carrier that gives random ports', doubleNat(CONE, SYMMETRIC, CONE), 'spray'],
  [
    'a home that maps by destination behind a carrier in sequence',
    doubleNat(SYMMETRIC, { ...CONE, ports: 'sequential' }, CONE),
    'predict',
  ],
  ['a random home behind a carrier that preserves', doubleNat(SYMMETRIC, CONE, SYMMETRIC), 'relay'],
  ['the same carrier', sameCarrier(CONE), 'relay'],
  ['the same carrier with hairpin', sameCarrier({ ...CONE, hairpin: true }), 'plain'],
  ['symmetric NATs with IPv6', withIPv6(homes(SYMMETRIC, SYMMETRIC)), 'plain'],
  ['the same NAT, isolated, with IPv6', withIPv6(sameNat({ ...CONE, isolated: true })), 'relay'],
  ['UDP blocked', { ...homes(CONE, CONE), firewalls: [{ at: 'nat-a', kind: 'udp-blocked' }] }, 'relay'],
  [
    'UDP blocked to the outside of the same LAN',
    { ...sameNat(CONE), firewalls: [{ at: 'nat', kind: 'udp-blocked' }] },
    'plain',
  ],
  ['a path cut one way', { ...homes(CONE, CONE), drop: [{ from: 'nat-a', to: 'nat-b' }] }, 'relay'],
  ['a bare Linux router', homes({ ...CONE, poisonable: true }, { ...CONE, poisonable: true }), 'plain'],
  [
    'a firewall before a public host',
    {
      hosts: [SUPERNODE, { name: 'alice', address: '203.0.113.1' }, { name: 'bob', address: '203.0.113.2' }],
      firewalls: [{ at: 'bob', kind: 'stateful' }],
    },
    'plain',
  ],
])('knows what %s allows', ([, scenario, path]) => {
  expect(between(scenario)).toBe(path);
  expect(connectsPlainly(scenario)).toBe(path === 'plain');
});

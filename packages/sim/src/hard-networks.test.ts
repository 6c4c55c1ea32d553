import { expect, it } from 'vitest';
import { buildNetwork } from './build.ts';
import type { DropSpec, NatKind, Scenario } from './scenario.ts';
import { SimulatedCall } from './simulated-call.test-support.ts';
import { World } from './world.ts';

const SIDES = ['alice', 'bob'] as const;
const CONE = { mapping: 'eim', filtering: 'apdf' } as const;

/** A call between two NATs, 40 ms round trip. */
function call(kind: Partial<NatKind>, drop: DropSpec[] = []): SimulatedCall {
  const hosts = [
    { name: 'alice', address: '192.168.1.10', behind: 'nat-a' },
    { name: 'bob', address: '192.168.2.10', behind: 'nat-b' },
    { name: 'supernode', address: '203.0.113.20' },
    { name: 'supernode-b', address: '203.0.113.30' },
  ];
  const nats = [
    { name: 'nat-a', address: '198.51.100.1', inside: '192.168.1.0/24', ...CONE, ...kind },
    { name: 'nat-b', address: '198.51.100.2', inside: '192.168.2.0/24', ...CONE, ...kind },
  ];
  const links = nats.map(({ name }) => ({ node: name, delayMs: 10 }));
  const scenario: Scenario = { hosts, nats, links, drop };
  const world = new World({ seed: 7 });
  const network = buildNetwork(world, scenario);
  return new SimulatedCall({ seed: 7, scenario, world, network, expected: 'plain' });
}

const longestGap = (one: SimulatedCall, side: (typeof SIDES)[number]): number => {
  const times = [...one.phones[side].heard.values()].sort((a, b) => a - b);
  return Math.max(0, ...times.slice(1).map((time, index) => time - times[index]!));
};

it('survives NATs that drop a mapping after ten idle seconds, on the direct path', () => {
  const one = call({ lifetimeS: 10 });
  one.run.world.run(65_000);
  expect(one.faults).toEqual([]);
  expect(one.areOn('direct')).toBe(true);
  for (const side of SIDES) {
    expect(one.missing(side)).toBe(0);
    expect(one.phones[side].switches.length).toBe(2);
    expect(longestGap(one, side)).toBeLessThanOrEqual(20);
  }
});

it('survives NATs that drop a mapping at a fixed age, whatever the traffic', () => {
  const one = call({ maxAgeS: 20, ports: 'random' });
  one.run.world.run(125_000);
  expect(one.faults).toEqual([]);
  for (const side of SIDES) {
    expect(one.phones[side].heard.size).toBeGreaterThan(0.98 * one.phones[side].sent.frames);
    expect(longestGap(one, side)).toBeLessThanOrEqual(150);
  }
});

it.each<[string, DropSpec[]]>([
  ['nothing from alice to bob', [{ from: 'nat-a', to: 'nat-b' }]],
  ['nothing from bob to alice', [{ from: 'nat-b', to: 'nat-a' }]],
  [
    'nothing at all',
    [
      { from: 'nat-a', to: 'nat-b' },
      { from: 'nat-b', to: 'nat-a' },
    ],
  ],
])('stays on the relay where a direct path carries %s from the start', (_, drop) => {
  const one = call({}, drop);
  one.run.world.run(35_000);
  expect(one.faults).toEqual([]);
  expect(one.areOn('relay')).toBe(true);
  for (const side of SIDES) {
    expect(one.phones[side].switches.length).toBe(1);
    expect(one.missing(side)).toBe(0);
    expect(longestGap(one, side)).toBeLessThanOrEqual(20);
  }
});

it.each<[string, DropSpec[]]>([
  [
    'both ways',
    [
      { from: 'nat-a', to: 'nat-b', aboveBytes: 70 },
      { from: 'nat-b', to: 'nat-a', aboveBytes: 70 },
    ],
  ],
  ['from alice to bob', [{ from: 'nat-a', to: 'nat-b', aboveBytes: 70 }]],
])('ends on the relay, without a gap and with one flap, where checks pass and audio does not, %s', (_, drop) => {
  const one = call({}, drop);
  one.run.world.run(30_000);
  expect(one.faults).toEqual([]);
  for (const side of SIDES) {
    expect(one.missing(side)).toBe(0);
    expect(longestGap(one, side)).toBeLessThanOrEqual(40);
    expect(one.phones[side].switches.length).toBeLessThanOrEqual(3);
  }
  expect(one.phones.alice.agent.current!.kind).toBe('relay');
});

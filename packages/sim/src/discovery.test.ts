import type { PortAllocation } from '@overcall/traversal';
import { describe, expect, it } from 'vitest';
import type { NatKind, Ports } from './scenario.ts';
import { discover, SimulatedStunServer } from './simulated-discovery.test-support.ts';
import { World } from './world.ts';

const MAPPINGS = ['eim', 'adm', 'apdm'] as const;
const FILTERINGS = ['eif', 'adf', 'apdf'] as const;
const PORTS: Ports[] = [
  'preserve',
  'random',
  'sequential',
  { sequential: 3 },
  { block: 64 },
  { block: 1024 },
];
const LIMIT_MS = 2000;

interface Setting {
  seed: number;
  /** From the host outwards; none: a public host. */
  nats: NatKind[];
  link?: { delayMs?: number; jitterMs?: number; lossPct?: number };
  servers?: number;
  otherPort?: boolean;
}

function network({ seed, nats, link, servers = 2, otherPort = true }: Setting) {
  const world = new World({ seed });
  const stun = ['203.0.113.10', '203.0.113.20']
    .slice(0, servers)
    .map((address) => new SimulatedStunServer(world, world.host({ address }), { otherPort }));
  // Built from outside inwards.
  let behind: ReturnType<World['nat']> | undefined;
  for (const [index, kind] of [...nats.entries()].reverse()) {
    const isOutermost = index === nats.length - 1;
    behind = world.nat({
      ...kind,
      name: `nat-${index}`,
      address: isOutermost ? '198.51.100.1' : `10.${index + 1}.0.2`,
      inside: `10.${index}.0.0/24`,
      ...(behind ? { behind } : {}),
    });
  }
  const host = world.host(behind ? { address: '10.0.0.10', behind } : { address: '198.51.100.9' });
  if (link) world.link(behind ?? host, link);
  return { world, host, stun };
}

function report(setting: Setting) {
  const { world, host, stun } = network(setting);
  return discover(
    world,
    host,
    stun.map(({ server }) => server),
  );
}

/** The kind of a verdict, and the step of a sequence. */
const inShort = (ports: PortAllocation) =>
  ports.kind === 'sequential' ? { kind: ports.kind, step: ports.step } : { kind: ports.kind };

function expectedPorts(ports: Ports): { kind: string; step?: number } {
  if (ports === 'preserve') return { kind: 'preserved' };
  if (ports === 'random') return { kind: 'random' };
  if (ports === 'sequential') return { kind: 'sequential', step: 1 };
  return 'block' in ports ? { kind: 'block' } : { kind: 'sequential', step: ports.sequential };
}

describe('every kind of NAT is told for what it is', () => {
  const kinds = MAPPINGS.flatMap((mapping) =>
    FILTERINGS.flatMap((filtering) => PORTS.map((ports) => ({ mapping, filtering, ports }))),
  );
  it.each(kinds)('$mapping $filtering $ports', ({ mapping, filtering, ports }) => {
    for (const seed of [1, 2, 3]) {
      const hairpin = seed % 2 === 1;
      const link = { delayMs: 20, jitterMs: 3 };
      const {
        nat,
        tookMs,
        hairpin: seen,
      } = report({ seed, nats: [{ mapping, filtering, ports, hairpin }], link });
      expect(nat).toMatchObject({ mapping, filtering });
      expect(inShort(nat.ports)).toEqual(expectedPorts(ports));
      expect(tookMs).toBeLessThan(400);
      const canShow = mapping === 'eim' || filtering === 'eif';
      expect(['unknown', hairpin ? 'yes' : 'no']).toContain(seen);
      if (canShow) expect(seen).toBe(hairpin ? 'yes' : 'no');
    }
  });

  it('two NATs behind each other are as strict as both together', () => {
    const strictest = <T>(order: readonly T[], a: T, b: T) => (order.indexOf(a) > order.indexOf(b) ? a : b);
    for (let seed = 0; seed < 81; seed++) {
      const [inner, outer] = [seed % 9, Math.floor(seed / 9)].map((index) => ({
        mapping: MAPPINGS[index % 3]!,
        filtering: FILTERINGS[Math.floor(index / 3)]!,
      })) as [NatKind, NatKind];
      const { nat } = report({ seed, nats: [inner, outer], link: { delayMs: 10 } });
      expect(nat, JSON.stringify([inner, outer])).toMatchObject({
        mapping: strictest(MAPPINGS, inner.mapping, outer.mapping),
        filtering: strictest(FILTERINGS, inner.filtering, outer.filtering),
        ports: { kind: 'preserved' },
      });
    }
  });

  it('a public host, and one behind a firewall', () => {
    expect(report({ seed: 1, nats: [] })).toMatchObject({
      nat: { mapping: 'none', filtering: 'eif', ports: { kind: 'preserved' } },
      publicAddresses: ['198.51.100.9'],
      hairpin: 'unknown',
    });
    const { world, host, stun } = network({ seed: 1, nats: [] });
    world.firewall(host, 'stateful');
    const { nat } = discover(
      world,
      host,
      stun.map(({ server }) => server),
    );
    expect(nat).toMatchObject({ mapping: 'none', filtering: 'apdf' });
  });
});

describe('hard conditions', () => {
  const strict: NatKind = { mapping: 'apdm', filtering: 'apdf', ports: 'random' };
  const open: NatKind = { mapping: 'eim', filtering: 'eif' };

  it('a round trip of 600 ms is within the limit', () => {
    for (const kind of [strict, open]) {
      const { nat, tookMs } = report({ seed: 5, nats: [kind], link: { delayMs: 300 } });
      expect(nat).toMatchObject({ mapping: kind.mapping, filtering: kind.filtering });
      expect(tookMs).toBeLessThan(LIMIT_MS);
    }
  });

  it('loss of 10 % each way leads to a right verdict or none', () => {
    let wrong = 0;
    let unknown = 0;
    const runs = 300;
    for (let seed = 0; seed < runs; seed++) {
      const kind = { mapping: MAPPINGS[seed % 3]!, filtering: FILTERINGS[Math.floor(seed / 3) % 3]! };
      const { nat, tookMs } = report({ seed, nats: [kind], link: { delayMs: 20, jitterMs: 5, lossPct: 10 } });
      expect(tookMs).toBeLessThan(LIMIT_MS);
      for (const part of ['mapping', 'filtering'] as const) {
        if (nat[part] === 'unknown') unknown++;
        else if (nat[part] !== kind[part]) wrong++;
      }
    }
    expect(wrong).toBeLessThanOrEqual(1);
    expect(unknown).toBeLessThanOrEqual(6);
  });

  it('UDP that leads nowhere is blocked, and known to be so in time', () => {
    const { world, host, stun } = network({ seed: 1, nats: [open] });
    world.firewall(host, 'udp-blocked');
    const servers = stun.map(({ server }) => server);
    expect(discover(world, host, servers)).toMatchObject({
      nat: { mapping: 'unknown', filtering: 'unknown', ports: { kind: 'unknown' } },
      udp: 'blocked',
      publicAddresses: [],
      hairpin: 'unknown',
    });
    expect(world.now).toBeLessThan(LIMIT_MS);
  });

  it.each([0, 1])('with server %s of two dead, what one can tell is known', (dead) => {
    const { world, host, stun } = network({ seed: 1, nats: [{ ...strict, ports: 'sequential' }] });
    const servers = stun.map(({ server }) => server);
    servers[dead] = { ...servers[dead]!, addresses: ['203.0.113.99:3478'] };
    expect(discover(world, host, servers)).toMatchObject({
      nat: { mapping: 'apdm', filtering: 'apdf', ports: { kind: 'sequential', step: 1 } },
      udp: 'open',
    });
    expect(world.now).toBeLessThan(LIMIT_MS);
  });

  it('with one server, what needs another address stays unknown', () => {
    const nats = (mapping: NatKind['mapping'], filtering: NatKind['filtering']): NatKind[] => [
      { mapping, filtering },
    ];
    const of = (kind: NatKind[]) => report({ seed: 1, nats: kind, servers: 1 }).nat;
    expect(of(nats('eim', 'eif'))).toMatchObject({ mapping: 'unknown', filtering: 'unknown' });
    expect(of(nats('apdm', 'apdf'))).toMatchObject({ mapping: 'apdm', filtering: 'apdf' });
  });

  it('with servers that have one port, what needs another port stays unknown', () => {
    const of = (mapping: NatKind['mapping'], filtering: NatKind['filtering']) =>
      report({ seed: 1, nats: [{ mapping, filtering }], otherPort: false }).nat;
    expect(of('eim', 'eif')).toMatchObject({ mapping: 'eim', filtering: 'eif' });
    expect(of('apdm', 'apdf')).toMatchObject({ mapping: 'unknown', filtering: 'unknown' });
  });

  it('without servers nothing is known, at once', () => {
    expect(report({ seed: 1, nats: [open], servers: 0 })).toMatchObject({ udp: 'unknown', tookMs: 0 });
  });
});

describe('a server that claims the address of somebody else to be ours', () => {
  /** How many datagrams come to `claimed`, which the first `liars` servers claim. */
  function strayDatagrams(claimed: string, liars: number, isInside: boolean): number {
    const world = new World({ seed: 1 });
    const servers = ['203.0.113.10', '203.0.113.20'].map((address, index) => {
      const claims = index < liars ? { claims: `${claimed}:53` } : {};
      return new SimulatedStunServer(world, world.host({ address }), claims).server;
    });
    const behind = world.nat({
      mapping: 'eim',
      filtering: 'eif',
      address: '198.51.100.1',
      inside: '10.0.0.0/24',
    });
    const host = world.host({ address: '10.0.0.10', behind });
    const victim = world.host(isInside ? { address: claimed, behind } : { address: claimed }).bind(53);
    let heard = 0;
    victim.onDatagram = () => heard++;
    expect(discover(world, host, servers).hairpin).toBe(liars === 0 ? 'no' : 'unknown');
    return heard;
  }

  it.each([0, 1])('does not make us send there (%s liars of two)', (liars) => {
    expect(strayDatagrams('203.0.113.77', liars, false)).toBe(0);
  });

  it('does not even with another one of its kind, where the address is of our own network', () => {
    expect(strayDatagrams('10.0.0.1', 2, true)).toBe(0);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, type ProgramEvent } from '@overcall/harness';
import {
  type Lab,
  type LabSpec,
  labStage,
  loadScenario,
  type NatSpec,
  shippedScenarios,
  startLab,
} from '@overcall/nat-lab';
import { expect, test } from 'vitest';
import { describeLab } from './describe-lab.ts';

/** Where `doctor` does not even get the supernode list, and what it needs. */
const NO_LIST: Record<string, string> = {
  'firewall-proxy': 'everything through an HTTP CONNECT proxy: issue 4',
  'ipv6-only-nat64': 'NAT64 on the way to a directory known by its IPv4 address: issue 4',
  'ipv6-only-both': 'NAT64 on the way to a directory known by its IPv4 address: issue 4',
};
/** What is lost may be the very packet that tells: then it is unknown, never something else. */
const isLossy = (spec: LabSpec) => JSON.stringify(spec.links ?? []).includes('lossPct');
const LIMIT_MS = 2000;
const AT_ONCE = 3;

type Spec = LabSpec & { name: string };

/** A network in which two supernodes can be asked; links, NATs and firewalls are the scenario's. */
function withTwoSupernodes({ call: _, programs: __, events: ___, expect: ____, ...spec }: Spec): Spec {
  if (spec.hosts.some(({ name }) => name === 'supernode-b')) return spec;
  return { ...spec, hosts: [...spec.hosts, { name: 'supernode-b', address: '203.0.113.39' }] };
}

const natsOf = (spec: LabSpec, host: string): NatSpec[] => {
  const nats: NatSpec[] = [];
  let behind = spec.hosts.find(({ name }) => name === host)?.behind;
  while (behind !== undefined) {
    const nat = spec.nats!.find(({ name }) => name === behind)!;
    nats.push(nat);
    behind = nat.behind;
  }
  return nats;
};

const strictest = <T>(order: readonly T[], found: readonly T[]): T =>
  found.reduce((a, b) => (order.indexOf(a) > order.indexOf(b) ? a : b));

const PORT_KINDS = { preserve: 'preserved', random: 'random', sequential: 'sequential' } as const;

/** What the scenario says of the NATs in front of a host, in the words of `doctor`. */
function truthOf(spec: LabSpec, host: string): Record<string, unknown> {
  const nats = natsOf(spec, host);
  const walls = (spec.firewalls ?? []).filter(({ at }) =>
    [host, ...nats.map(({ name }) => name)].includes(at),
  );
  if (walls.length > 0)
    return { udp: 'blocked', mapping: 'unknown', filtering: 'unknown', ports: { kind: 'unknown' } };
  if (nats.length === 0) return { udp: 'open', mapping: 'none', ports: { kind: 'preserved' } };
  const ports =
    nats.map((nat) => nat.ports ?? 'preserve').findLast((each) => each !== 'preserve') ?? 'preserve';
  const { hairpin = false } = nats.at(-1)!;
  const mapping = strictest(
    ['eim', 'adm', 'apdm'],
    nats.map((nat) => nat.mapping),
  );
  const filtering = strictest(
    ['eif', 'adf', 'apdf'],
    nats.map((nat) => nat.filtering),
  );
  const canShow = mapping === 'eim' || filtering === 'eif';
  return {
    udp: 'open',
    mapping,
    filtering,
    ports: {
      kind: typeof ports === 'string' ? PORT_KINDS[ports] : 'block' in ports ? 'block' : 'sequential',
    },
    publicAddresses: [nats.at(-1)!.address],
    ...(canShow ? { hairpin: hairpin ? 'yes' : 'no' } : {}),
  };
}

/** What `doctor` says of a host; only those words of it that the scenario knows. */
async function examined(network: Network, host: string): Promise<ProgramEvent> {
  const program = network.overcall(host, host, 'doctor');
  await program.exited;
  return program.events.at(-1) ?? { stderr: program.stderr };
}

/** What is in front of a host, without names: NATs, their links, firewalls. */
function situationOf(spec: LabSpec, host: string): string {
  const nats = natsOf(spec, host);
  const nodes = [host, ...nats.map(({ name }) => name)];
  const kinds = nats.map(({ mapping, filtering, ports, hairpin, nat64, inside6 }) => [
    ...[mapping, filtering, ports, hairpin, nat64, inside6 === undefined],
  ]);
  const links = (spec.links ?? []).filter(({ node }) => nodes.includes(node));
  const walls = (spec.firewalls ?? []).filter(({ at }) => nodes.includes(at));
  const { address, address6 } = spec.hosts.find(({ name }) => name === host)!;
  const addresses = [address === undefined, address6 === undefined];
  return JSON.stringify([kinds, links.map(({ node: _, ...link }) => link), walls, addresses]);
}

/** Each situation is examined once, in the first scenario that has it. */
function shared(specs: readonly Spec[]): { spec: Spec; name: string; hosts: string[] }[] {
  const seen = new Set<string>();
  return specs.flatMap((spec) => {
    const there = ['alice', 'bob'].filter((host) => spec.hosts.some(({ name }) => name === host));
    const hosts = there.filter((host) => {
      const situation = situationOf(spec, host);
      return !seen.has(situation) && seen.add(situation);
    });
    return hosts.length === 0 ? [] : [{ spec, name: spec.name, hosts }];
  });
}

await describeLab('overcall doctor', () => {
  const waiting: (() => void)[] = [];
  let free = AT_ONCE;
  const enter = () => (free-- > 0 ? undefined : new Promise<void>((resolve) => waiting.push(resolve)));
  const leave = () => {
    free++;
    waiting.shift()?.();
  };
  const compiled = mkdtempSync(join(tmpdir(), 'nat-lab-compiled-'));
  process.env.NODE_COMPILE_CACHE = compiled;

  const pairs = ['pair:apdm-apdf,adm-adf', 'pair:apdm-eif,eim-eif'].map((name) => loadScenario(name));
  const counting = loadScenario('pair:apdm-apdf,apdm-adf');
  const ports: NatSpec['ports'][] = ['sequential', { block: 256 }];
  const nats = counting.nats!.map((nat, index) => ({ ...nat, ports: ports[index]! }));
  pairs.push({ ...counting, name: 'sequential-and-block', nats });
  const scenarios = shared(
    [...shippedScenarios(), ...pairs].filter(({ hosts }) => hosts.some(({ name }) => name === 'directory')),
  );
  test.concurrent.for(scenarios)(
    'is right in $name',
    { timeout: 120_000, retry: 1 },
    async ({ spec: shipped, hosts }, { expect }) => {
      await enter();
      const spec = withTwoSupernodes(shipped);
      const folder = mkdtempSync(join(tmpdir(), 'nat-lab-doctor-'));
      let lab: Lab | undefined;
      let network: Network | undefined;
      try {
        lab = await startLab(spec);
        network = await Network.start(labStage(lab), folder, { supernodes: ['supernode', 'supernode-b'] });
        for (const host of hosts) {
          const found = await examined(network, host);
          if (host === 'alice' && spec.name in NO_LIST) expect(found).toMatchObject({ supernodes: 0 });
          else if (isLossy(spec)) expectNothingWrong(found, truthOf(spec, host));
          else expect(found, JSON.stringify(found)).toMatchObject(truthOf(spec, host));
          expect(found.tookMs).toBeLessThan(LIMIT_MS);
        }
      } finally {
        await network?.close();
        await lab?.close();
        rmSync(folder, { recursive: true });
        leave();
      }
    },
  );
});

function expectNothingWrong(found: ProgramEvent, truth: Record<string, unknown>): void {
  for (const word of ['udp', 'mapping', 'filtering', 'hairpin'])
    if (found[word] !== 'unknown' && word in truth) expect(found[word], word).toBe(truth[word]);
}

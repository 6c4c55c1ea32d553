import { SimError } from './errors.ts';
import type { Host } from './host.ts';
import type { Nat } from './nat.ts';
import type { Scenario } from './scenario.ts';
import type { World } from './world.ts';

export interface Network {
  /** @throws SimError `bad-network` when there is none with this name */
  host(name: string): Host;
  nat(name: string): Nat;
}

/** Builds what a scenario describes; NATs may be in any order. @throws SimError `bad-network`, naming the node */
export function buildNetwork(world: World, scenario: Scenario): Network {
  const nats = new Map<string, Nat>();
  const specs = new Map((scenario.nats ?? []).map((spec) => [spec.name, spec]));
  const natOf = (name: string, path: readonly string[] = []): Nat => {
    const spec = specs.get(name);
    if (spec === undefined) throw new SimError('bad-network', `there is no NAT "${name}"`);
    if (path.includes(name)) throw new SimError('bad-network', `NAT "${name}" is behind itself`);
    const built = nats.get(name);
    if (built !== undefined) return built;
    const { behind, ...rest } = spec;
    const outer = behind === undefined ? {} : { behind: natOf(behind, [...path, name]) };
    const nat = world.nat({ ...rest, ...outer });
    nats.set(name, nat);
    return nat;
  };
  for (const name of specs.keys()) natOf(name);
  const hosts = new Map<string, Host>();
  for (const { behind, ...rest } of scenario.hosts)
    hosts.set(rest.name, world.host({ ...rest, ...(behind === undefined ? {} : { behind: natOf(behind) }) }));

  const find = <T>(map: Map<string, T>, name: string, what: string): T => {
    const node = map.get(name);
    if (node === undefined) throw new SimError('bad-network', `there is no ${what} "${name}"`);
    return node;
  };
  const node = (name: string): Host | Nat => nats.get(name) ?? find(hosts, name, 'node');
  for (const { node: name, ...link } of scenario.links ?? []) world.link(node(name), link);
  for (const { at, kind } of scenario.firewalls ?? []) world.firewall(node(at), kind);
  for (const { from, to, protocol = 'udp', ...only } of scenario.drop ?? [])
    if (protocol === 'udp')
      world.drop(from === 'any' ? 'any' : node(from), to === 'any' ? 'any' : node(to), only);
  return { host: (name) => find(hosts, name, 'host'), nat: (name) => find(nats, name, 'NAT') };
}

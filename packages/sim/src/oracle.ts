import { SimError } from './errors.ts';
import { type ChainView, portsTowards, reaches, viewOf } from './nat-chain.ts';
import type { DropSpec, FirewallSpec, HostSpec, NatSpec, Scenario } from './scenario.ts';

/**
 * What physics allows between two hosts, best first. `plain`: each sends to the endpoints that servers saw of the
 * other (or that the other has by itself) and to those from which it hears. `predict`: a port must be foretold, which a
 * sequential allocator or preserved ports allow. `spray`: one side opens many ports at random and the other probes for
 * them. `chance`: they may meet before all ports of a block are used up. `relay`: nothing of all this.
 */
export type Path = 'plain' | 'predict' | 'spray' | 'chance' | 'relay';

/** One host as the oracle sees it. */
export interface HostNetwork {
  host: HostSpec;
  /** From the host outwards. Two networks share a NAT when both have one of this name. */
  nats: readonly NatSpec[];
  firewalls: readonly FirewallSpec[];
  /** All of the scenario. */
  drop: readonly DropSpec[];
}

/** @throws SimError `bad-network` when there is no such host or NAT */
export function networkOf(scenario: Scenario, name: string): HostNetwork {
  const host = scenario.hosts.find((one) => one.name === name);
  if (host === undefined) throw new SimError('bad-network', `there is no host "${name}"`);
  const nats: NatSpec[] = [];
  for (let behind = host.behind; behind !== undefined; ) {
    const nat = scenario.nats?.find((one) => one.name === behind);
    if (nat === undefined || nats.includes(nat))
      throw new SimError('bad-network', `there is no NAT "${behind}", or it is behind itself`);
    nats.push(nat);
    behind = nat.behind;
  }
  const names = [host.name, ...nats.map((nat) => nat.name)];
  const firewalls = (scenario.firewalls ?? []).filter(({ at }) => names.includes(at));
  return { host, nats, firewalls, drop: scenario.drop ?? [] };
}

/**
 * Without port mapping protocols, and without what agents may not know: the address of a NAT between two others. Time,
 * lifetimes, loss and delay play no part: what is possible is possible for an agent that tries in time and again.
 */
export function bestPath(alice: HostNetwork, bob: HostNetwork): Path {
  if (meetsInside(alice, bob) || meetsInside(bob, alice)) return 'plain';
  if (isCutInTheMiddle(alice, bob) || mayNotLeave(alice) || mayNotLeave(bob)) return 'relay';
  // Never translated: both know where to send, and do.
  if (hasIPv6(alice) && hasIPv6(bob) && !areIsolated(alice, bob)) return 'plain';
  if (!hairpins(alice, bob)) return 'relay';
  const [a, b] = [viewOf(layersOf(alice)), viewOf(layersOf(bob))];
  if (reaches(a, b) || reaches(b, a)) return 'plain';
  if (isForetold(a, b)) return 'predict';
  if (isSprayed(a, b) || isSprayed(b, a)) return 'spray';
  const areBlocks = portsTowards(a) === 'block' && portsTowards(b) === 'block';
  if (areBlocks && (a.onePortPerAddress || b.onePortPerAddress)) return 'spray';
  return areBlocks || a.letsAddressIn || b.letsAddressIn ? 'chance' : 'relay';
}

/** One is in a network that the other is in too, or passes through: the address it has by itself will do. */
function meetsInside(inner: HostNetwork, other: HostNetwork): boolean {
  const [home] = inner.nats;
  if (home === undefined || home.isolated) return false;
  const depth = other.nats.findIndex((nat) => nat.name === home.name);
  // What stands between them must let them out, and in.
  const between = [other.host.name, ...other.nats.slice(0, depth).map((nat) => nat.name), inner.host.name];
  const closed = [...inner.firewalls, ...other.firewalls].some(
    // Contact at this address is possible only among neighbours: nobody else has one that both know.
    ({ at, kind }) => between.includes(at) && (kind !== 'stateful' || (at === inner.host.name && depth > 0)),
  );
  return depth >= 0 && !closed;
}

/** Firewalls of the kinds that let no UDP out to ports of peers. */
const mayNotLeave = ({ firewalls }: HostNetwork): boolean =>
  firewalls.some(({ kind }) => kind !== 'stateful');

/** Both directions are needed; one that only small packets pass does for the checks. */
function isCutInTheMiddle(alice: HostNetwork, bob: HostNetwork): boolean {
  const [a, b] = [publicNameOf(alice), publicNameOf(bob)];
  if (a === b) return false; // it does not come to the middle
  const ends = (from: string, to: string) => (drop: DropSpec) =>
    (drop.from === 'any' || drop.from === from) && (drop.to === 'any' || drop.to === to);
  return alice.drop.some(
    (drop) =>
      drop.protocol !== 'tcp' &&
      drop.port === undefined &&
      drop.aboveBytes === undefined &&
      (ends(a, b)(drop) || ends(b, a)(drop)),
  );
}

const publicNameOf = ({ host, nats }: HostNetwork): string => nats.at(-1)?.name ?? host.name;

const hasIPv6 = ({ host }: HostNetwork): boolean => host.address6 !== undefined || host.address.includes(':');

/** The innermost NAT that both are behind keeps them apart. */
const areIsolated = (alice: HostNetwork, bob: HostNetwork): boolean =>
  alice.nats.find(({ name }) => bob.nats.some((nat) => nat.name === name))?.isolated === true;

/** Two behind one NAT are known to servers by its outside address, and only it can turn their packets around. */
function hairpins(alice: HostNetwork, bob: HostNetwork): boolean {
  const outermost = alice.nats.at(-1);
  return outermost === undefined || outermost.name !== bob.nats.at(-1)?.name || outermost.hairpin === true;
}

/** A firewall in front of a public host filters as a NAT does that leaves endpoints as they are. */
function layersOf({ host, nats, firewalls }: HostNetwork): ChainLayers {
  const guarded = (name: string) =>
    firewalls.some(({ at, kind }) => at === name && kind === 'stateful')
      ? [{ mapping: 'eim', filtering: 'apdf' } as const]
      : [];
  return [...guarded(host.name), ...nats.flatMap((nat) => [nat, ...guarded(nat.name)])];
}
type ChainLayers = Parameters<typeof viewOf>[0];

/**
 * Both know the ports that the other will have, or one does not need to: it lets in whatever comes from an address it
 * has contacted, and its own port can be foretold.
 */
function isForetold(a: ChainView, b: ChainView): boolean {
  const [ofA, ofB] = [canBeTold(a), canBeTold(b)];
  return (ofA && ofB) || (ofA && a.letsAddressIn) || (ofB && b.letsAddressIn);
}

const canBeTold = (view: ChainView): boolean => ['known', 'foretold'].includes(portsTowards(view));

/** Each probe to another port would take one more of a few. */
const takesPortsOfBlock = ({ layers }: ChainView): boolean =>
  layers.some(({ ports }) => typeof ports === 'object' && 'block' in ports);

/**
 * `hidden` opens many ports; a probe to one of them gets in if it comes from where that port was opened to: any port of
 * the address, or one that is the same for all probes and known.
 */
function isSprayed(hidden: ChainView, prober: ChainView): boolean {
  const runsOut = !prober.onePortPerAddress && takesPortsOfBlock(prober);
  return (hidden.letsAddressIn && !runsOut) || (prober.onePortPerAddress && canBeTold(prober));
}

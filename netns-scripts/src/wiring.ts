import { cutWire } from './links/setup-links.ts';
import { hiddenHosts } from './nat64/hidden-hosts.ts';
import {
  gatewayOf,
  type HostSpec,
  INTERNET,
  type LabSpec,
  lastAddress6Of,
  lastAddressOf,
  type NatSpec,
} from './spec.ts';
import { downlink6, uplink6 } from './wiring6.ts';

/** The next hop of everything public. Point-to-point links: no broadcast domain, as on the Internet. */
const PUBLIC_GATEWAY = '169.254.0.1';

export type Node = HostSpec | NatSpec;

/** Begins the names of the lab's own hosts, which are of no kind that a scenario may use. */
const OWN = '_in-';
export const isOwn = (name: string): boolean => name.startsWith(OWN);

/**
 * Everything that gets a namespace, in an order that events do not change. A NAT that cannot be measured from any
 * host, because none is behind it (yet) or a firewall is in the way, gets a host of the lab's own. No scenario can
 * name that.
 */
export function nodesOf(spec: LabSpec, original: LabSpec = spec): Node[] {
  const nats = spec.nats ?? [];
  const canBeMeasured = (nat: NatSpec) =>
    original.hosts.some((host) => isVantage(host, nat, original)) &&
    (nat.inside6 === undefined || original.hosts.some((host) => isVantage6(host, nat, original)));
  const own = nats
    .filter((nat) => !canBeMeasured(nat))
    .map((nat) => ({
      name: `${OWN}${nat.name}`,
      ...(nat.nat64 ? {} : { address: lastAddressOf(nat) }),
      ...(nat.inside6 === undefined ? {} : { address6: lastAddress6Of(nat.inside6) }),
      behind: nat.name,
    }));
  return [...spec.hosts, ...nats, ...own];
}

const isFree = (node: Node, nat: NatSpec, { firewalls = [] }: LabSpec): node is HostSpec =>
  node.behind === nat.name && !('inside' in node) && !firewalls.some(({ at }) => at === node.name);

/** Whether IPv6 can be measured from a node. */
export const isVantage6 = (
  node: Node,
  nat: NatSpec,
  spec: LabSpec,
): node is HostSpec & { address6: string } => isFree(node, nat, spec) && node.address6 !== undefined;

/**
 * Whether a NAT can be measured from a node: a host, not a NAT, which lets nobody in by itself. A NAT64 is measured
 * through its translation.
 */
export const isVantage = (node: Node, nat: NatSpec, spec: LabSpec): boolean =>
  nat.nat64 ? isVantage6(node, nat, spec) : isFree(node, nat, spec) && node.address !== undefined;

/** The far end of the wire to a node, at whatever that node is behind. */
export const farEnd = (node: Node, nodes: readonly Node[]): string =>
  `to-${nodes.findIndex(({ name }) => name === node.name)}`;

/** The near end: what the node itself calls its interface. */
export const nearEnd = (node: Node): string => ('inside' in node ? 'wan' : 'eth0');

/**
 * Both ends get an interface index of their own. With equal ones (which two fresh namespaces would hand out) the
 * kernel does not see that a carrier change is urgent, and the link drops packets for up to a second.
 */
export function wire(node: Node, nodes: readonly Node[], isShaped = false): string {
  const far = farEnd(node, nodes);
  const number = Number(far.slice('to-'.length));
  const index = 100 + 2 * number;
  const there = `name ${far} index ${index} netns ${node.behind ?? INTERNET}`;
  const here = `name ${nearEnd(node)} index ${index + 1} netns ${node.name}`;
  return isShaped ? cutWire(number, here, there) : `link add ${there} type veth peer ${here}`;
}

/** Commands for `ip` at the near end: addresses and way out. */
export const uplink = (node: Node, nodes: readonly Node[]): string[] => [
  `link set ${nearEnd(node)} up`,
  ...(node.address === undefined ? [] : uplink4(node, nodes)),
  ...uplink6(node, nodes),
];

/** Of {@link uplink}, what a new IPv4 address changes. */
export function uplink4(node: Node, nodes: readonly Node[]): string[] {
  const device = nearEnd(node);
  const nat = nodes.find(({ name }) => name === node.behind);
  const gateway = nat && 'inside' in nat ? gatewayOf(nat) : { address: PUBLIC_GATEWAY, prefixLength: 32 };
  return [
    `address add ${node.address}/${gateway.prefixLength} dev ${device}`,
    ...(nat ? [] : [`route add ${PUBLIC_GATEWAY}/32 dev ${device}`]),
    `route add default via ${gateway.address} dev ${device}`,
  ];
}

/** Commands for `ip` at the far end, in the NAT that the node is behind or in the middle. */
export function downlink(node: Node, nodes: readonly Node[]): string[] {
  const device = farEnd(node, nodes);
  const nat = nodes.find(({ name }) => name === node.behind);
  if (nat && 'inside' in nat)
    return [
      `link set ${device} master lan`,
      ...(nat.isolated ? [`link set ${device} type bridge_slave isolated on`] : []),
      `link set ${device} up`,
      ...downlink6(node, nodes),
    ];
  return [
    `address add ${PUBLIC_GATEWAY}/32 dev ${device}`,
    `link set ${device} up`,
    ...(node.address === undefined ? [] : [`route add ${node.address}/32 dev ${device}`]),
    ...downlink6(node, nodes),
  ];
}

/** The kernel makes a link ready behind one's back; until then it silently drops what is sent. */
export const waitForLinks = (node: string): string => `tries=0
while ip -o link show type veth | grep -q -e 'qdisc noop ' -e NO-CARRIER -e DOWN; do
  tries=$((tries + 1))
  [ "$tries" -lt 1000 ] || { echo 'a link of ${node} does not come up' >&2; exit 1; }
  sleep 0.005
done`;

/** For `probeAddresses`. */
export const placeNumber = (place: string, nats: readonly NatSpec[] = []): number =>
  nats.findIndex(({ name }) => name === place) + 1;

/** IPv4 addresses directly inside a NAT, for those that give each its own block of ports. */
export const neighboursOf = (nat: NatSpec, nodes: readonly Node[]): string[] => [
  ...nodes
    .filter(({ name, behind }) => behind === nat.name && !isOwn(name))
    .flatMap(({ address }) => address ?? []),
  ...hiddenHosts(nat, nodes).flatMap(({ name, address }) => (isOwn(name) ? [] : [address])),
];

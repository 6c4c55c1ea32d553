import { cutWire, LINKS_NAMESPACE, linkIpLines, START_SHAPER, wiresOf } from './links/setup-links.ts';
import type { Wire } from './links/wire.ts';
import { MAPPING_LIFETIME_S, natRules } from './nat-rules.ts';
import { type DropSpec, gatewayOf, type HostSpec, INTERNET, type LabSpec, type NatSpec } from './spec.ts';

/**
 * A packet with fewer hops left than this dies in the middle, without a word. The lab has two or three hops
 * where the Internet has a dozen: a first packet with a low TTL, meant to open one's own NAT and go no further,
 * must not arrive (HyperDHT sends 5, frp 4 to 7).
 */
export const INTERNET_HOPS = 12;

/** The next hop of everything public. Point-to-point links: no broadcast domain, as on the Internet. */
const PUBLIC_GATEWAY = '169.254.0.1';

/** First word of the line printed once the network stands: process id of the holder, then the namespaces. */
export const READY = 'ready';

type Node = HostSpec | NatSpec;

/** Everything that happens in one namespace, done by one shell with one `ip` and at most one `nft`. */
interface Namespace {
  name: string;
  sysctls: [path: string, value: number][];
  ip: string[];
  nft: string;
}

/**
 * The program that process 1 of the lab runs. One `ip -batch` makes the namespaces and the wires between
 * them, then each namespace sets itself up, all at once: process starts are what building a lab costs. The last
 * line waits for the end of the lifeline that this program came in on.
 */
export function setupProgram(spec: LabSpec): string {
  const nats = spec.nats ?? [];
  const nodes = [...spec.hosts, ...nats];
  const namespaces = [
    internetNamespace(spec, nodes),
    ...nats.map((nat) => natNamespace(nat, nats, nodes)),
    ...spec.hosts.map((host) => hostNamespace(host, nats)),
  ];
  const shaped = new Set((spec.links ?? []).map(({ node }) => node));
  if (shaped.size > 0)
    namespaces.unshift(
      linksNamespace(
        nodes.filter(({ name }) => shaped.has(name)),
        nodes,
      ),
    );
  return `set -e
mount -t tmpfs -o mode=755 lab /run
mkdir /run/netns
${shaped.size > 0 ? START_SHAPER : ''}
ip -batch - <<'IP'
${namespaces.map(({ name }) => `netns add ${name}`).join('\n')}
${nodes.map((node) => wire(node, nodes, shaped.has(node.name))).join('\n')}
IP
pids=
${namespaces.map(inBackground).join('\n')}
for pid in $pids; do wait "$pid"; done
read -r pid rest </proc/self/stat
echo ${READY} "$pid" $(stat -L -c mnt:%i /proc/self/ns/mnt) $(stat -L -c net:%i /proc/self/ns/net /run/netns/*)
while read -r line; do :; done
`;
}

function inBackground({ name, sysctls, ip, nft }: Namespace): string {
  return `nsenter --net=/run/netns/${name} sh -e <<'NODE' &
for key in all default; do
  echo 0 >/proc/sys/net/ipv4/conf/$key/rp_filter
  echo 0 >/proc/sys/net/ipv4/conf/$key/accept_redirects
  echo 0 >/proc/sys/net/ipv4/conf/$key/send_redirects
done
# IPv4 only for now; ::1 stays.
if [ -e /proc/sys/net/ipv6 ]; then
  echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
  echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
  echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6
fi
# Otherwise bridged packets pass the NAT rules a second time.
[ ! -e /proc/sys/net/bridge ] || echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
ip -batch - <<'IP'
link set lo up
${ip.join('\n')}
IP
${nft === '' ? '' : `nft -f - <<'NFT'\n${nft}NFT`}
${sysctls.map(([path, value]) => `echo ${value} >/proc/sys/net/${path}`).join('\n')}
# The kernel makes a link ready behind one's back; until then it silently drops what is sent.
tries=0
while ip -o link show type veth | grep -q -e 'qdisc noop ' -e NO-CARRIER -e DOWN; do
  tries=$((tries + 1))
  [ "$tries" -lt 1000 ] || { echo 'a link of ${name} does not come up' >&2; exit 1; }
  sleep 0.005
done
NODE
pids="$pids $!"`;
}

/** The far end of the wire to a node, at whatever that node is behind. */
const farEnd = (node: Node, nodes: readonly Node[]): string => `to-${nodes.indexOf(node)}`;

/** The near end: what the node itself calls its interface. */
const nearEnd = (node: Node): string => ('inside' in node ? 'wan' : 'eth0');

/**
 * Both ends get an interface index of their own. With equal ones (which two fresh namespaces would hand out) the
 * kernel does not see that a carrier change is urgent, and the link drops packets for up to a second.
 */
function wire(node: Node, nodes: readonly Node[], isShaped: boolean): string {
  const index = 100 + 2 * nodes.indexOf(node);
  const far = `name ${farEnd(node, nodes)} index ${index} netns ${node.behind ?? INTERNET}`;
  const near = `name ${nearEnd(node)} index ${index + 1} netns ${node.name}`;
  return isShaped ? cutWire(nodes.indexOf(node), near, far) : `link add ${far} type veth peer ${near}`;
}

/** Where the shaper of this network finds its interfaces. */
export function shapedWires(spec: LabSpec): Wire[] {
  const nodes = [...spec.hosts, ...(spec.nats ?? [])];
  return wiresOf(spec.links ?? [], (name) => nodes.findIndex((node) => node.name === name));
}

function linksNamespace(shaped: readonly Node[], nodes: readonly Node[]): Namespace {
  return {
    name: LINKS_NAMESPACE,
    sysctls: [],
    ip: linkIpLines(shaped.map((node) => nodes.indexOf(node))),
    nft: '',
  };
}

function uplink(node: Node, nats: readonly NatSpec[]): string[] {
  const device = nearEnd(node);
  const nat = nats.find(({ name }) => name === node.behind);
  const gateway = nat ? gatewayOf(nat) : { address: PUBLIC_GATEWAY, prefixLength: 32 };
  return [
    `address add ${node.address}/${gateway.prefixLength} dev ${device}`,
    `link set ${device} up`,
    ...(nat ? [] : [`route add ${PUBLIC_GATEWAY}/32 dev ${device}`]),
    `route add default via ${gateway.address} dev ${device}`,
  ];
}

function hostNamespace(host: HostSpec, nats: readonly NatSpec[]): Namespace {
  return { name: host.name, sysctls: [], ip: uplink(host, nats), nft: '' };
}

function natNamespace(nat: NatSpec, nats: readonly NatSpec[], nodes: readonly Node[]): Namespace {
  const { address, prefixLength } = gatewayOf(nat);
  const ports = nodes.filter(({ behind }) => behind === nat.name).map((node) => farEnd(node, nodes));
  return {
    name: nat.name,
    sysctls: [
      ['ipv4/ip_forward', 1],
      // These two exist once the rules have loaded connection tracking.
      ['netfilter/nf_conntrack_udp_timeout', MAPPING_LIFETIME_S],
      ['netfilter/nf_conntrack_udp_timeout_stream', MAPPING_LIFETIME_S],
    ],
    ip: [
      'link add lan type bridge',
      `address add ${address}/${prefixLength} dev lan`,
      'link set lan up',
      ...ports.flatMap((port) => [`link set ${port} master lan`, `link set ${port} up`]),
      ...uplink(nat, nats),
    ],
    nft: natRules(nat),
  };
}

function internetNamespace(spec: LabSpec, nodes: readonly Node[]): Namespace {
  const attached = nodes.filter(({ behind }) => behind === undefined);
  return {
    name: INTERNET,
    sysctls: [['ipv4/ip_forward', 1]],
    ip: [
      ...attached.flatMap((node) => [
        `address add ${PUBLIC_GATEWAY}/32 dev ${farEnd(node, nodes)}`,
        `link set ${farEnd(node, nodes)} up`,
        `route add ${node.address}/32 dev ${farEnd(node, nodes)}`,
      ]),
      // Packets to nowhere (somebody's private address, say) vanish without an ICMP error, as they do out there.
      'route add blackhole default',
    ],
    nft: internetRules(spec.drop ?? [], attached),
  };
}

function internetRules(drops: readonly DropSpec[], attached: readonly Node[]): string {
  const address = (field: string, name: string) =>
    name === 'any' ? '' : `ip ${field} ${attached.find((node) => node.name === name)!.address} `;
  const protocol = ({ protocol, port }: DropSpec) => {
    if (protocol === undefined) return '';
    return port === undefined ? `meta l4proto ${protocol} ` : `${protocol} dport ${port} `;
  };
  const rules = drops.map(
    (drop) => `${address('saddr', drop.from)}${address('daddr', drop.to)}${protocol(drop)}counter drop`,
  );
  return `table ip nat_lab {
  chain forward {
    type filter hook forward priority filter;
    ip ttl < ${INTERNET_HOPS} counter drop
    ${rules.join('\n    ')}
  }
}
`;
}

import { firewallRules } from './firewall-rules.ts';
import { internetRules } from './internet-rules.ts';
import { LINKS_NAMESPACE, linkIpLines, START_SHAPER, wiresOf } from './links/setup-links.ts';
import type { Wire } from './links/wire.ts';
import { natRules, natSysctls } from './nat-rules.ts';
import { hiddenHosts } from './nat64/hidden-hosts.ts';
import {
  hiddenLines,
  lanAddress,
  NAT64_NAMESPACE,
  nat64Lines,
  nat64Wires,
  translatorIpLines,
} from './nat64/setup-nat64.ts';
import { portMappingRules } from './port-mapping/server-config.ts';
import { gatewayOf, INTERNET, type LabSpec, type NatSpec, probeAddresses, probeAddresses6 } from './spec.ts';
import {
  downlink,
  type Node,
  neighboursOf,
  nodesOf,
  placeNumber,
  uplink,
  waitForLinks,
  wire,
} from './wiring.ts';
import { hasIpv6, inside6Lines, ipv6Switch, usesIpv6 } from './wiring6.ts';

/** First word of the line printed once the network stands: process id of the holder, then the namespaces. */
export const READY = 'ready';

/** Everything that happens in one namespace, done by one shell with one `ip` and at most one `nft`. */
interface Namespace {
  name: string;
  ipv6: boolean;
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
  const nodes = nodesOf(spec);
  const namespaces = [
    internetNamespace(spec, nodes),
    ...nodes.map((node) =>
      'inside' in node
        ? natNamespace(node, spec, nodes)
        : { ...BARE, name: node.name, ipv6: hasIpv6(node), ip: uplink(node, nodes) },
    ),
  ];
  const nat64s = (spec.nats ?? []).flatMap((nat, number) => (nat.nat64 ? [{ nat, number }] : []));
  if (nat64s.length > 0)
    namespaces.unshift({
      ...BARE,
      name: NAT64_NAMESPACE,
      ip: translatorIpLines(nat64s.map(({ number }) => number)),
    });
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
${nat64s.flatMap(({ nat, number }) => nat64Wires(nat, number)).join('\n')}
IP
pids=
${namespaces.map(inBackground).join('\n')}
for pid in $pids; do wait "$pid"; done
read -r pid rest </proc/self/stat
echo ${READY} "$pid" $(stat -L -c mnt:%i /proc/self/ns/mnt) $(stat -L -c net:%i /proc/self/ns/net /run/netns/*)
while read -r line; do :; done
`;
}

/** Where the shaper of this network finds its interfaces. */
export function shapedWires(spec: LabSpec): Wire[] {
  const nodes = nodesOf(spec);
  return wiresOf(spec.links ?? [], (name) => nodes.findIndex((node) => node.name === name));
}

function linksNamespace(shaped: readonly Node[], nodes: readonly Node[]): Namespace {
  return { ...BARE, name: LINKS_NAMESPACE, ip: linkIpLines(shaped.map((node) => nodes.indexOf(node))) };
}

const BARE: Omit<Namespace, 'name'> = { ipv6: false, sysctls: [], ip: [], nft: '' };

function inBackground({ name, ipv6, sysctls, ip, nft }: Namespace): string {
  return `nsenter --net=/run/netns/${name} sh -e <<'NODE' &
for key in all default; do
  echo 0 >/proc/sys/net/ipv4/conf/$key/rp_filter
  echo 0 >/proc/sys/net/ipv4/conf/$key/accept_redirects
  echo 0 >/proc/sys/net/ipv4/conf/$key/send_redirects
done
${ipv6Switch(ipv6)}
# Otherwise bridged packets pass the NAT rules a second time.
if [ -e /proc/sys/net/bridge ]; then
  echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
  echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables
fi
ip -batch - <<'IP'
link set lo up
${ip.join('\n')}
IP
${nft === '' ? '' : `nft -f - <<'NFT'\n${nft}NFT`}
${sysctls.map(([path, value]) => `echo ${value} >/proc/sys/net/${path}`).join('\n')}
${waitForLinks(name)}
NODE
pids="$pids $!"`;
}

/** Where the responder stands that proves the NATs outside of which it is. */
const forResponder = (place: number, ipv6: boolean): string[] => [
  ...probeAddresses(place).map((address) => `address add ${address}/32 dev lo`),
  ...(ipv6 ? probeAddresses6(place).map((address) => `address add ${address}/128 dev lo nodad`) : []),
];

function natNamespace(nat: NatSpec, spec: LabSpec, nodes: readonly Node[]): Namespace {
  const { address, prefixLength } = gatewayOf(nat);
  const inside = nodes.filter(({ behind }) => behind === nat.name);
  const ipv6 = hasIpv6(nat);
  const number = placeNumber(nat.name, spec.nats) - 1;
  return {
    name: nat.name,
    ipv6,
    sysctls: natSysctls(nat),
    ip: [
      `link add lan ${lanAddress(nat, number)} type bridge`,
      `address add ${address}/${prefixLength} dev lan`,
      'link set lan up',
      ...inside6Lines(nat),
      ...(nat.nat64 ? [...nat64Lines(number), ...hiddenLines(hiddenHosts(nat, nodes), number)] : []),
      ...inside.flatMap((node) => downlink(node, nodes)),
      ...uplink(nat, nodes),
      ...(inside.some((node) => 'inside' in node) ? forResponder(number + 1, ipv6) : []),
    ],
    nft: natRules(nat, neighboursOf(nat, nodes)) + portMappingRules(nat) + firewallRules(spec, nat.name),
  };
}

const FORWARD_IPV6: [path: string, value: number] = ['ipv6/conf/all/forwarding', 1];

function internetNamespace(spec: LabSpec, nodes: readonly Node[]): Namespace {
  const attached = nodes.filter(({ behind }) => behind === undefined);
  const ipv6 = usesIpv6(spec);
  return {
    name: INTERNET,
    ipv6,
    sysctls: [['ipv4/ip_forward', 1], ...(ipv6 ? [FORWARD_IPV6] : [])],
    ip: [
      ...attached.flatMap((node) => downlink(node, nodes)),
      ...forResponder(placeNumber(INTERNET, spec.nats), ipv6),
      // Packets to nowhere (somebody's private address, say) vanish without an ICMP error, as they do out there.
      'route add blackhole default',
      ...(ipv6 ? ['route add blackhole ::/0'] : []),
    ],
    nft: internetRules(spec) + firewallRules(spec, INTERNET),
  };
}

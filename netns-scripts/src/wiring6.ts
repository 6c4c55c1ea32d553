import { gateway6Of, type LabSpec, type NatSpec } from './spec.ts';
import { farEnd, type Node, nearEnd } from './wiring.ts';

/** Next hops have link-local addresses, as with IPv6 everywhere. This one is at the far end of every wire. */
const GATEWAY = 'fe80::1';
const nearAddress = (node: Node, nodes: readonly Node[]): string =>
  `fe80::${(0x100 + nodes.findIndex(({ name }) => name === node.name)).toString(16)}`;

/** IPv6 is off wherever the scenario does not use it. */
export const hasIpv6 = (node: Node): boolean =>
  'inside' in node ? node.inside6 !== undefined : node.address6 !== undefined;

/** Whether there is IPv6 anywhere, at any time of the scenario. */
export const usesIpv6 = ({ hosts, nats = [], events = [] }: LabSpec): boolean =>
  [...hosts, ...nats].some(hasIpv6) || events.some((event) => 'address6' in event);

/** All that is reached through a node: its own address, or the networks inside it and inside NATs behind it. */
function prefixes6Of(node: Node, nodes: readonly Node[]): string[] {
  if (!('inside' in node)) return node.address6 === undefined ? [] : [node.address6];
  const inner = nodes.filter((other) => 'inside' in other && other.behind === node.name);
  return [
    ...(node.inside6 === undefined ? [] : [node.inside6]),
    ...inner.flatMap((nat) => prefixes6Of(nat, nodes)),
  ];
}

/** What a node is known by in the middle, or in the NAT that it is behind, in one family. */
export function addressesIn(family: 'ip' | 'ip6', node: Node, nodes: readonly Node[]): string[] {
  if (family === 'ip') return node.address === undefined ? [] : [node.address];
  return prefixes6Of(node, nodes);
}

/** `nodad`: nobody else has these addresses, and looking for one who has would take a second. */
const add = (address: string, device: string): string => `address add ${address} dev ${device} nodad`;

/** Commands for `ip` at the near end of a node that has IPv6. */
export function uplink6(node: Node, nodes: readonly Node[]): string[] {
  if (!hasIpv6(node)) return [];
  const device = nearEnd(node);
  const nat = nodes.find(({ name }) => name === node.behind);
  const prefixLength = nat && 'inside6' in nat ? gateway6Of(nat.inside6!).prefixLength : 128;
  return [
    add(`${nearAddress(node, nodes)}/64`, device),
    ...('inside' in node ? [] : [add(`${node.address6}/${prefixLength}`, device)]),
    `route add ::/0 via ${GATEWAY} dev ${device}`,
  ];
}

/** Commands for `ip` at the far end. */
export function downlink6(node: Node, nodes: readonly Node[]): string[] {
  if (!hasIpv6(node)) return [];
  const next = `via ${nearAddress(node, nodes)}`;
  const device = node.behind === undefined ? farEnd(node, nodes) : 'lan';
  const isRouted = node.behind === undefined || 'inside' in node;
  return [
    ...(node.behind === undefined ? [add(`${GATEWAY}/64`, device)] : []),
    ...(isRouted
      ? prefixes6Of(node, nodes).map((prefix) => `route add ${prefix} ${next} dev ${device}`)
      : []),
  ];
}

/** Commands for `ip` at the inside of a router. */
export const inside6Lines = ({ inside6 }: NatSpec): string[] => {
  if (inside6 === undefined) return [];
  const { address, prefixLength } = gateway6Of(inside6);
  return [
    // Otherwise a bridge wants to be told who listens to which neighbour solicitations.
    'link set lan type bridge mcast_snooping 0',
    add(`${GATEWAY}/64`, 'lan'),
    add(`${address}/${prefixLength}`, 'lan'),
  ];
};

/**
 * Shell text that turns IPv6 on or off in a namespace, before its links come up; ::1 stays. On, nothing is sent that
 * the scenario does not ask for: no addresses of the kernel's own, no solicitation of routers.
 */
export const ipv6Switch = (on: boolean): string => `if [ -e /proc/sys/net/ipv6 ]; then
  ${on ? ON : OFF}
  echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6
fi`;

const ON = `for conf in /proc/sys/net/ipv6/conf/*; do
    echo 1 >$conf/addr_gen_mode
    echo 0 >$conf/accept_ra
    echo 0 >$conf/accept_redirects
    echo 0 >$conf/accept_dad
    echo 0 >$conf/disable_ipv6
  done`;
const OFF = `echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
  echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6`;

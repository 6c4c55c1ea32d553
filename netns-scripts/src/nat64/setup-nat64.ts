import { NAT64_PREFIX, type NatSpec } from '../spec.ts';
import type { HiddenHost } from './address-map.ts';
import type { Side } from './sides.ts';

/** The namespace in which the translator stands. No node can have this name. */
export const NAT64_NAMESPACE = '_nat64';

/** Interface indexes differ at all ends of wires (see wiring.ts and links/setup-links.ts). */
const FIRST_INDEX = 30_000;

const LAN = '01';
const ROUTER = '02';
const FOUR = '04';
const SIX = '06';
/** Fixed, so that nobody has to ask for them. */
const mac = (end: string, number: number): string =>
  `02:64:${end}:00:00:${number.toString(16).padStart(2, '0')}`;

/** Where the translator is, as the router sees it. */
const NEXT_HOP = 'fe80::64';

/** An IPv6 packet must not be longer than a wire allows: the translation makes 20 bytes more. */
const IPV4_MTU = 1480;

/** The bridge of a NAT64 has an address that the translator knows. */
export const lanAddress = (nat: NatSpec, number: number): string =>
  nat.nat64 ? `address ${mac(LAN, number)}` : '';

/**
 * `ip` lines for the two wires of a NAT64: IPv6 is routed into one; the other ends in the bridge inside the NAT, where
 * IPv4 comes out as if the host were attached there. Segmentation is done before, as for links.
 * @param number of the NAT in the scenario
 */
export function nat64Wires(nat: NatSpec, number: number): string[] {
  const pair = (name: string, inner: string, end: string, index: number, router = '') =>
    `link add name ${name} index ${index} ${router} gso_max_segs 1 netns ${nat.name} type veth ` +
    `peer name ${inner}-${number} index ${index + 1} address ${mac(end, number)} netns ${NAT64_NAMESPACE}`;
  const first = FIRST_INDEX + 4 * number;
  return [
    pair('nat64', 'six', SIX, first, `address ${mac(ROUTER, number)}`),
    pair('nat64-lan', 'four', FOUR, first + 2),
  ];
}

/** What `ip` does in the namespace of the translator. */
export const translatorIpLines = (numbers: readonly number[]): string[] =>
  numbers.flatMap((number) => [`link set six-${number} up`, `link set four-${number} up`]);

/** What `ip` does in the NAT. */
export const nat64Lines = (number: number): string[] => [
  'link set nat64-lan master lan',
  'link set nat64-lan up',
  'link set nat64 up',
  `neigh add ${NEXT_HOP} lladdr ${mac(SIX, number)} dev nat64 nud permanent`,
  `route add ${NAT64_PREFIX} via ${NEXT_HOP} dev nat64`,
];

/** What `ip` does in the NAT for each host; again after a host has come. */
export const hiddenLines = (hosts: readonly HiddenHost[], number: number): string[] =>
  hosts.flatMap(({ address }) => [
    `neigh replace ${address} lladdr ${mac(FOUR, number)} dev lan nud permanent`,
    `route replace ${address}/32 dev lan mtu lock ${IPV4_MTU}`,
  ]);

const bytes = (address: string): string => address.replaceAll(':', '');

/** The interfaces of {@link nat64Wires}, as the translator is told. */
export function sidesOf(number: number, hosts: readonly HiddenHost[]): Side {
  const first = FIRST_INDEX + 4 * number;
  return {
    sixIndex: first + 1,
    fourIndex: first + 3,
    sixHeader: bytes(mac(ROUTER, number)) + bytes(mac(SIX, number)),
    fourHeader: bytes(mac(LAN, number)) + bytes(mac(FOUR, number)),
    hosts: hosts.map(({ address, address6 }) => ({ address, address6 })),
  };
}

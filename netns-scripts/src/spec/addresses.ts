import ipaddr from 'ipaddr.js';
import type { NatSpec } from './nodes.ts';

/** The lab's own addresses (of RFC 2544's benchmark range), for proving NATs. */
export const PROBE_NETWORK = '198.18.255.0/24';

/**
 * Two addresses at which the NATs attached to one place are proven. Each place has its own: what stands behind a
 * carrier must not find those of the carrier when it measures what is beyond.
 * @param place 0 for the middle, n for the nth NAT
 */
export const probeAddresses = (place: number): [string, string] => {
  const prefix = PROBE_NETWORK.replace(/\d+\/.*$/, '');
  return [`${prefix}${2 * place + 1}`, `${prefix}${2 * place + 2}`];
};

/** What is wrong with the address of a node; null if nothing is. */
export function addressProblem(text: string): string | null {
  // Anything but four decimal numbers (0x7f.1, 010.0.0.1) is refused: the text is passed on as it is.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) return `"${text}" is not an IPv4 address`;
  const address = ipaddr.IPv4.parse(text);
  if (address.match(ipaddr.IPv4.parseCIDR(PROBE_NETWORK)))
    return `${PROBE_NETWORK} belongs to the lab itself`;
  // "reserved" holds the TEST-NET ranges. 169.254.0.1 is the next hop of everything public.
  if (!['unicast', 'private', 'carrierGradeNat', 'reserved', 'benchmarking'].includes(address.range()))
    return `${text} is not an address for a host (${address.range()})`;
  return null;
}

export function networkProblem(cidr: string): string | null {
  const [address = '', prefixLength = ''] = cidr.split('/');
  const problem = addressProblem(address);
  if (problem) return problem;
  if (!/^\d+$/.test(prefixLength) || Number(prefixLength) < 8 || Number(prefixLength) > 29)
    return `"${cidr}" is not a network with a prefix of 8 to 29 bits`;
  const network = ipaddr.IPv4.networkAddressFromCIDR(cidr).toString();
  if (network !== address) return `"${cidr}" is not the first address of its network (${network})`;
  return null;
}

/** The first usable address of a network, which its NAT takes, and the prefix length. */
export function gatewayOf(nat: Pick<NatSpec, 'inside'>): { address: string; prefixLength: number } {
  const [, prefixLength] = ipaddr.IPv4.parseCIDR(nat.inside);
  const bytes = ipaddr.IPv4.networkAddressFromCIDR(nat.inside).toByteArray();
  return { address: [...bytes.slice(0, 3), bytes[3]! + 1].join('.'), prefixLength };
}

/** The last usable address of a network, where the lab puts a host of its own if there is no other. */
export function lastAddressOf(nat: Pick<NatSpec, 'inside'>): string {
  const bytes = ipaddr.IPv4.broadcastAddressFromCIDR(nat.inside).toByteArray();
  return [...bytes.slice(0, 3), bytes[3]! - 1].join('.');
}

/** What is wrong with an address for a node behind a NAT; null if nothing is. */
export function insideProblem(address: string, nat: NatSpec): string | null {
  if (!ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parseCIDR(nat.inside)))
    return `${address} is not in ${nat.inside}, the network inside "${nat.name}"`;
  if (gatewayOf(nat).address === address) return `${address} is the inside address of "${nat.name}" itself`;
  if (
    [ipaddr.IPv4.networkAddressFromCIDR(nat.inside), ipaddr.IPv4.broadcastAddressFromCIDR(nat.inside)].some(
      (a) => a.toString() === address,
    )
  )
    return `${address} is not an address for a host in ${nat.inside}`;
  return null;
}

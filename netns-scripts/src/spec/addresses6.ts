import ipaddr from 'ipaddr.js';
import type { NatSpec } from './nodes.ts';

/** The lab's own IPv6 addresses (of RFC 5180's benchmark range), for proving that routers do what the scenario says. */
export const PROBE_NETWORK_6 = '2001:2:0:ffff::/64';
/** What IPv6-only hosts write before an IPv4 address (RFC 6052 section 2.1). */
export const NAT64_PREFIX = '64:ff9b::/96';

const BITS = 128;

/** As {@link probeAddresses}. */
export const probeAddresses6 = (place: number): [string, string] => {
  const nth = (n: number) => PROBE_NETWORK_6.replace('/64', (2 * place + n).toString(16));
  return [nth(1), nth(2)];
};

/** What is wrong with the IPv6 address of a host; null if nothing is. */
export function address6Problem(text: string): string | null {
  if (!ipaddr.IPv6.isValid(text) || text.includes('%')) return `"${text}" is not an IPv6 address`;
  const address = ipaddr.IPv6.parse(text);
  // One way to write each, so that programs may compare them as text.
  if (address.toString() !== text) return `"${text}" is written ${address.toString()} (RFC 5952)`;
  for (const reserved of [PROBE_NETWORK_6, NAT64_PREFIX])
    if (address.match(ipaddr.IPv6.parseCIDR(reserved))) return `${reserved} belongs to the lab itself`;
  // "reserved" holds the documentation range 2001:db8::/32.
  if (!['unicast', 'uniqueLocal', 'reserved', 'benchmarking'].includes(address.range()))
    return `${text} is not an address for a host (${address.range()})`;
  return null;
}

export function network6Problem(cidr: string): string | null {
  const [address = '', prefixLength = ''] = cidr.split('/');
  const problem = address6Problem(address);
  if (problem) return problem;
  if (!/^\d+$/.test(prefixLength) || Number(prefixLength) < 16 || Number(prefixLength) > 120)
    return `"${cidr}" is not a network with a prefix of 16 to 120 bits`;
  const network = ipaddr.IPv6.networkAddressFromCIDR(cidr).toString();
  if (network !== address) return `"${cidr}" is not the first address of its network (${network})`;
  return null;
}

/** The first address after that of the network, which the router takes, and the prefix length. */
export function gateway6Of(inside6: string): { address: string; prefixLength: number } {
  const [, prefixLength] = ipaddr.IPv6.parseCIDR(inside6);
  const bytes = ipaddr.IPv6.networkAddressFromCIDR(inside6).toByteArray();
  bytes[15]!++;
  return { address: new ipaddr.IPv6(bytes).toString(), prefixLength };
}

/** The last address of a network, where the lab puts a host of its own if there is no other. */
export function lastAddress6Of(inside6: string): string {
  const [, prefixLength] = ipaddr.IPv6.parseCIDR(inside6);
  const bytes = ipaddr.IPv6.networkAddressFromCIDR(inside6)
    .toByteArray()
    .map((byte, index) => {
      const fixedBits = Math.min(8, Math.max(0, prefixLength - 8 * index));
      return byte | (0xff >> fixedBits);
    });
  return new ipaddr.IPv6(bytes).toString();
}

/** What is wrong with an IPv6 address for a host behind a router; null if nothing is. */
export function inside6Problem(address: string, { name, inside6 }: NatSpec): string | null {
  if (inside6 === undefined) return `there is no IPv6 behind "${name}": it has no "inside6"`;
  if (!ipaddr.IPv6.parse(address).match(ipaddr.IPv6.parseCIDR(inside6)))
    return `${address} is not in ${inside6}, the IPv6 network inside "${name}"`;
  if (gateway6Of(inside6).address === address) return `${address} is the inside address of "${name}" itself`;
  if (ipaddr.IPv6.networkAddressFromCIDR(inside6).toString() === address)
    return `${address} is not an address for a host in ${inside6}`;
  return null;
}

/** How an IPv4 address is written behind a NAT64. */
export function throughNat64(address: string): string {
  const [prefix] = ipaddr.IPv6.parseCIDR(NAT64_PREFIX);
  const bytes = [...prefix.toByteArray().slice(0, 12), ...ipaddr.IPv4.parse(address).toByteArray()];
  return new ipaddr.IPv6(bytes).toString();
}

/** Whether two networks, or a network and an address (`/128`), have an address in common. */
export function overlap6(one: string, other: string): boolean {
  const [a, aBits] = ipaddr.IPv6.parseCIDR(one.includes('/') ? one : `${one}/${BITS}`);
  const [b, bBits] = ipaddr.IPv6.parseCIDR(other.includes('/') ? other : `${other}/${BITS}`);
  return a.match([b, Math.min(aBits, bBits)]);
}

import { OvercallError } from '@overcall/wire';
import ipaddr from 'ipaddr.js';

/**
 * Which addresses a supernode sends media to. Canonicalise first, then deny (coturn CVE-2020-26262: 0.0.0.0 and
 * ::1 reached the relay's own host; CVE-2026-27624: ::ffff:127.0.0.1 did).
 */
export type AddressPolicy = (address: string) => boolean;

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Cidr = [Address, number];

/** Documentation networks (RFC 5737, RFC 3849): no Internet routes them and labs use them as public. */
const DOCUMENTATION = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'].map(parseCidr);
/** The only IPv6 space that is handed out as global unicast (RFC 4291, 2.4; IANA registry). */
const IPV6_GLOBAL_UNICAST: Cidr = parseCidr('2000::/3');
/** NAT64's well-known prefix (RFC 6052, 2.1): the last four bytes are an IPv4 address. */
const NAT64: Cidr = parseCidr('64:ff9b::/96');

/**
 * `allowNets` are CIDR blocks that are relayed to although they are private, loopback or the like.
 * @throws OvercallError `bad-allow-net`
 */
export function addressPolicy(allowNets: readonly string[] = []): AddressPolicy {
  const allowed = allowNets.map(parseCidr);
  return (text) => {
    const address = canonical(text);
    if (address === null) return false;
    return contains(allowed, address) || contains(DOCUMENTATION, address) || isPublic(address);
  };
}

/** Whether an address, in whatever spelling, is within one of these CIDR blocks. @throws OvercallError `bad-allow-net` */
export function addressNets(cidrs: readonly string[]): AddressPolicy {
  const nets = cidrs.map(parseCidr);
  return (text) => {
    const address = canonical(text);
    return address !== null && contains(nets, address);
  };
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv4 || address.match(IPV6_GLOBAL_UNICAST as [ipaddr.IPv6, number]);
}

/** The IPv4 address inside an IPv4-mapped or NAT64 one; null when it is no address. */
function canonical(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (!ipaddr.IPv6.isValid(text)) return null;
  const address = ipaddr.IPv6.parse(text);
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  const bytes = address.toByteArray();
  return contains([NAT64], address) ? new ipaddr.IPv4(bytes.slice(12)) : address;
}

/** /24 of an IPv4 and /48 of an IPv6 address: what one operator is likely to hold. */
export function networkPrefix(text: string): string {
  const address = canonical(text);
  const bytes = address?.toByteArray() ?? [];
  return bytes.slice(0, bytes.length === 4 ? 3 : 6).join('.');
}

function contains(nets: readonly Cidr[], address: Address): boolean {
  return nets.some(
    ([net, bits]) =>
      net.kind() === address.kind() && (address as ipaddr.IPv6).match(net as ipaddr.IPv6, bits),
  );
}

function parseCidr(text: string): Cidr {
  if (!ipaddr.isValidCIDR(text)) {
    throw new OvercallError('bad-allow-net', `"${text}" is not a network such as 10.0.0.0/8 or fd00::/8`);
  }
  return ipaddr.parseCIDR(text);
}

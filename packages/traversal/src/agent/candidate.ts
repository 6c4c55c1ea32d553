import ipaddr from 'ipaddr.js';
import { parseAddressPort } from '../ip-address.ts';

/** RFC 8445, 5.1.1; `port-mapped` is an address that UPnP IGD, NAT-PMP or PCP gave. */
type CandidateKind = 'host' | 'server-reflexive' | 'port-mapped';

/** An address at which somebody may be reached: `ip:port` or `[ip]:port`. */
export interface Candidate {
  kind: CandidateKind;
  address: string;
}

/** A peer's word is good for so many addresses at most; more are ignored. */
export const MAX_REMOTE_CANDIDATES = 16;

export type Family = 'ipv4' | 'ipv6';

export const familyOf = (address: string): Family => (address.startsWith('[') ? 'ipv6' : 'ipv4');

/** Kinds of address (names of ipaddr.js) that are checked only inside a network of our own. */
const PRIVATE_RANGES = ['private', 'carrierGradeNat', 'uniqueLocal'];
/** Documentation (RFC 5737, RFC 3849) and benchmark (RFC 2544) networks: labs use them as public ones. */
const LAB_RANGES = ['reserved', 'benchmarking'];
/** Class E: "reserved" too, but nobody's address. */
const CLASS_E: [ipaddr.IPv4, number] = [ipaddr.IPv4.parse('240.0.0.0'), 4];
/** Behind it is IPv4, 127.0.0.1 too (RFC 8215); 64:ff9b::/96 is a kind of its own, and refused with all others. */
const LOCAL_NAT64: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('64:ff9b:1::'), 48];

/**
 * Whether a check may be sent to an address that a peer named. A peer can name anything: multicast, loopback and the
 * like never; private addresses only inside a network that this machine is in, so that nobody makes it knock on
 * doors elsewhere (RFC 8445, 19.5).
 * @param ownNetworks CIDR blocks of the local interfaces, `192.168.1.0/24`
 */
export function mayCheck(address: string, ownNetworks: readonly string[]): boolean {
  const parsed = parseAddressPort(address);
  return parsed !== null && parsed.port >= 1 && mayCheckHost(parsed.address, ownNetworks);
}

/** {@link mayCheck} for every port of an IP address in its canonical spelling. */
export function mayCheckHost(address: string, ownNetworks: readonly string[]): boolean {
  const ip = ipaddr.parse(address);
  if (ownNetworks.some((network) => contains(network, ip))) return true;
  const range = ip.range();
  if (ip instanceof ipaddr.IPv6 && ip.match(LOCAL_NAT64)) return false;
  if (PRIVATE_RANGES.includes(range)) return false;
  if (ip instanceof ipaddr.IPv4 && ip.match(CLASS_E)) return false;
  return range === 'unicast' || LAB_RANGES.includes(range);
}

function contains(network: string, ip: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  // Not ipaddr.parseCIDR, which tries IPv6 first and throws inside for every IPv4 network: slow, when ports are sprayed.
  const [base, bits] = (network.includes(':') ? ipaddr.IPv6 : ipaddr.IPv4).parseCIDR(network);
  return base.kind() === ip.kind() && (ip as ipaddr.IPv6).match(base as ipaddr.IPv6, bits);
}

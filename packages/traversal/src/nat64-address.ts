import { addressBytes, addressFromBytes } from './ip-address.ts';

/** How IPv4 addresses look through a NAT64: the bytes of the prefix, and how many of its bits count. */
export interface Nat64Prefix {
  address: string;
  bits: number;
}

/** RFC 6052, 2.1: what a NAT64 uses that has no prefix of its own. */
export const WELL_KNOWN_PREFIX: Nat64Prefix = { address: '64:ff9b::', bits: 96 };
/** RFC 6052, 2.2. */
const PREFIX_BITS = [96, 64, 56, 48, 40, 32];
/** "u": always zero, wherever the prefix ends. */
const RESERVED_BYTE = 8;
/** RFC 7050, 8.2: what `ipv4only.arpa` has, and nobody else. */
const IPV4_ONLY_ADDRESSES = ['192.0.0.170', '192.0.0.171'];

/** Places of the four bytes of an IPv4 address behind a prefix of so many bits. */
function placesAfter(bits: number): number[] {
  const places: number[] = [];
  for (let at = bits / 8; places.length < 4; at++) if (at !== RESERVED_BYTE) places.push(at);
  return places;
}

/** The IPv6 address that stands for an IPv4 one; null when `ipv4` is none. */
export function throughNat64(ipv4: string, { address, bits }: Nat64Prefix): string | null {
  const [from, prefix] = [addressBytes(ipv4), addressBytes(address)];
  if (from?.length !== 4 || prefix?.length !== 16) return null;
  const bytes = new Uint8Array(16);
  bytes.set(prefix.subarray(0, bits / 8));
  for (const [index, place] of placesAfter(bits).entries()) bytes[place] = from[index]!;
  return addressFromBytes(bytes);
}

/** The IPv4 address that an IPv6 one stands for; null when it is not behind this prefix. */
export function behindNat64(ipv6: string, prefix: Nat64Prefix): string | null {
  const bytes = addressBytes(ipv6);
  if (bytes?.length !== 16) return null;
  const ipv4 = addressFromBytes(Uint8Array.from(placesAfter(prefix.bits), (place) => bytes[place]!))!;
  return throughNat64(ipv4, prefix) === addressFromBytes(bytes) ? ipv4 : null;
}

/** The prefix of the network in which `ipv4only.arpa` has this IPv6 address (RFC 7050, 3); null when it is none. */
export function prefixOf(ipv6: string): Nat64Prefix | null {
  const bytes = addressBytes(ipv6);
  if (bytes?.length !== 16) return null;
  for (const bits of PREFIX_BITS) {
    const address = addressFromBytes(bytes.map((byte, index) => (index < bits / 8 ? byte : 0)))!;
    const ipv4 = behindNat64(ipv6, { address, bits });
    if (ipv4 !== null && IPV4_ONLY_ADDRESSES.includes(ipv4)) return { address, bits };
  }
  return null;
}

import ipaddr from 'ipaddr.js';

/** Where a datagram comes from or goes to. `address` is canonical: see {@link canonicalAddress}. */
export interface AddressPort {
  address: string;
  port: number;
}

/** Four numbers of 0 to 255 without leading zeros, as in {@link canonicalAddress}. */
const DOTTED_DECIMAL = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/**
 * One spelling for each address: RFC 5952 for IPv6, dotted decimal for IPv4 and for IPv4-mapped IPv6
 * (::ffff:0:0/96). Null when it is no address. Leading zeros and hexadecimal IPv4 are refused, as ambiguous.
 * Nearly every address is IPv4, a spray names 500 of them a second and a simulation millions: for these ipaddr.js is passed
 * over, which says the same and takes ten times as long.
 */
export function canonicalAddress(text: string): string | null {
  if (DOTTED_DECIMAL.test(text)) return text;
  if (!ipaddr.IPv6.isValid(text)) return null;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** 4 or 16 bytes in network order; null when `text` is no address. */
export function addressBytes(text: string): Uint8Array<ArrayBuffer> | null {
  const canonical = canonicalAddress(text);
  if (canonical === null) return null;
  return canonical.includes(':')
    ? new Uint8Array(ipaddr.parse(canonical).toByteArray())
    : dottedBytes(canonical);
}

function dottedBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  let part = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0) part++;
    else bytes[part] = bytes[part]! * 10 + digit;
  }
  return bytes;
}

/** Inverse of {@link addressBytes}; null unless there are 4 or 16 bytes. */
export function addressFromBytes(bytes: Uint8Array): string | null {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return null;
  return canonicalAddress(ipaddr.fromByteArray([...bytes]).toString());
}

/** `ip:port` or `[ip]:port`. */
export function formatAddressPort({ address, port }: AddressPort): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Inverse of {@link formatAddressPort}, with a canonical address; null for anything else. */
export function parseAddressPort(text: string): AddressPort | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const host = (match[1] ?? match[2])!;
  if (match[1] !== undefined && !host.includes(':')) return null;
  const address = canonicalAddress(host);
  const port = Number(match[3]);
  return address === null || port > 65_535 ? null : { address, port };
}

import ipaddr from 'ipaddr.js';

/** The network that an address is in, as a key to count by; IPv4 addresses in IPv6 form count as IPv4. */
export function addressPrefix(address: string, bits: { ipv4Bits: number; ipv6Bits: number }): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  const prefixBits = parsed.kind() === 'ipv4' ? bits.ipv4Bits : bits.ipv6Bits;
  const bytes = parsed.toByteArray().map((byte, i) => byte & (0xff00 >> clamp(prefixBits - i * 8)) & 0xff);
  return `${ipaddr.fromByteArray(bytes)}/${prefixBits}`;
}

function clamp(bits: number): number {
  return Math.min(8, Math.max(0, bits));
}

import { adjusted, checksumOf, pseudoSum, sumOf } from './checksum.ts';
import type { IpPacket } from './ip-packet.ts';

const TCP = 6;
const UDP = 17;
export const ICMP = 1;
export const ICMPV6 = 58;

/** Echo request and reply are the same in both families but for their numbers. */
const ECHO_6_OF_4: Record<number, number> = { 8: 128, 0: 129 };
const ECHO_4_OF_6: Record<number, number> = { 128: 8, 129: 0 };

/**
 * The payload of a packet whose addresses have become others: its checksum follows, so that a wrong one stays wrong.
 * Null for an ICMP message that is not an echo, and for a UDP packet without a checksum that cannot get one.
 * @param isQuoted inside an ICMP error, where the rest may be missing
 */
export function translateTransport(from: IpPacket, to: IpPacket, isQuoted: boolean): Buffer | null {
  if (from.protocol === ICMP || from.protocol === ICMPV6) return translateEcho(from, to);
  const bytes = Buffer.from(from.payload);
  const field = from.protocol === TCP ? 16 : from.protocol === UDP ? 6 : null;
  if (field === null || (from.fragment?.offset ?? 0) > 0 || bytes.length < field + 2) return bytes;
  const checksum = bytes.readUInt16BE(field);
  if (from.protocol === UDP && checksum === 0) {
    // Optional in IPv4 (RFC 768), not in IPv6 (RFC 7915 section 4.5).
    if (isQuoted) return bytes;
    if (from.fragment) return null;
    const pseudo = pseudoSum(to.source, to.destination, bytes.length, UDP);
    bytes.writeUInt16BE(checksumOf(pseudo, sumOf(bytes)) || 0xffff, field);
    return bytes;
  }
  const now = adjusted(checksum, addressSum(from), addressSum(to));
  bytes.writeUInt16BE(from.protocol === UDP ? now || 0xffff : now, field);
  return bytes;
}

const addressSum = ({ source, destination }: IpPacket): number => pseudoSum(source, destination, 0, 0);

function translateEcho(from: IpPacket, to: IpPacket): Buffer | null {
  if (from.fragment || from.payload.length < 8) return null;
  const isIpv4 = from.protocol === ICMP;
  const type = (isIpv4 ? ECHO_6_OF_4 : ECHO_4_OF_6)[from.payload[0]!];
  if (type === undefined) return null;
  const bytes = Buffer.from(from.payload);
  const six = isIpv4 ? to : from;
  // Only ICMPv6 has a pseudo-header (RFC 4443 section 2.3).
  const pseudo = pseudoSum(six.source, six.destination, from.payloadLength, ICMPV6);
  const [before, after] = [bytes.readUInt16BE(0), (type << 8) | bytes[1]!];
  const now = isIpv4
    ? adjusted(bytes.readUInt16BE(2), before, after + pseudo)
    : adjusted(bytes.readUInt16BE(2), before + pseudo, after);
  bytes[0] = type;
  bytes.writeUInt16BE(now, 2);
  return bytes;
}

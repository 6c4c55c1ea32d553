import type { AddressMap } from './address-map.ts';
import { checksumOf, pseudoSum, sumOf } from './checksum.ts';
import { errorInIpv4, errorInIpv6 } from './icmp-errors.ts';
import {
  buildIpv4,
  buildIpv6,
  IPV4_HEADER,
  IPV6_HEADER,
  type IpPacket,
  MINIMUM_MTU_6,
  parseIpv4,
  parseIpv6,
  piecesForIpv6,
} from './ip-packet.ts';
import { ICMP, ICMPV6, translateTransport } from './transport.ts';

/** Why a packet goes no further. */
export type Dropped = 'malformed' | 'unknown-address' | 'no-hops-left' | 'untranslatable';

/** IPv4 packets up to this size may be fragmented on their way (RFC 7915 section 5.1). */
const MAY_BE_FRAGMENTED = MINIMUM_MTU_6 - (IPV6_HEADER - IPV4_HEADER);

/**
 * An IPv6 packet of a host as IPv4 (RFC 7915 section 5): stateless, so what it says depends on nothing before it.
 * @param id identification, should it be fragmented
 */
export function toIpv4(bytes: Buffer, map: AddressMap, id: number): Buffer[] | Dropped {
  const from = parseIpv6(bytes);
  if (from === null || from.payload.length !== from.payloadLength) return 'malformed';
  if (from.hopLimit <= 1) return 'no-hops-left';
  const destination = map.ipv4Of(from.destination);
  // An error may come from a router on the way: then it speaks for the host that the packet was for.
  const source = map.ipv4Of(
    map.hasHost(from.source) ? from.source : (quotedDestination(from) ?? from.source),
  );
  if (!destination || !source || map.hasHost(from.destination)) return 'unknown-address';
  if (!map.hasHidden(source)) return 'unknown-address';
  const to = { ...from, source, destination, protocol: protocolIn4(from), hopLimit: from.hopLimit - 1 };
  const payload = translateTransport(from, to, false) ?? translateError6(from, map);
  if (payload === null) return 'untranslatable';
  const size = IPV4_HEADER + payload.length;
  return [buildIpv4({ ...to, payload, payloadLength: payload.length }, size > MAY_BE_FRAGMENTED ? null : id)];
}

/** An IPv4 packet for a host as IPv6 (RFC 7915 section 4), in several pieces if it was a fragment that got too long. */
export function toIpv6(bytes: Buffer, map: AddressMap): Buffer[] | Dropped {
  const from = parseIpv4(bytes);
  if (from === null || from.payload.length !== from.payloadLength) return 'malformed';
  if (from.hopLimit <= 1) return 'no-hops-left';
  if (!map.hasHidden(from.destination)) return 'unknown-address';
  const [source, destination] = [map.ipv6Of(from.source), map.ipv6Of(from.destination)];
  const to = { ...from, source, destination, protocol: protocolIn6(from), hopLimit: from.hopLimit - 1 };
  const payload = translateTransport(from, to, false) ?? translateError4(from, to, map);
  if (payload === null) return 'untranslatable';
  return piecesForIpv6({ ...to, payload, payloadLength: payload.length }).map(buildIpv6);
}

const protocolIn4 = ({ protocol }: IpPacket): number => (protocol === ICMPV6 ? ICMP : protocol);
const protocolIn6 = ({ protocol }: IpPacket): number => (protocol === ICMP ? ICMPV6 : protocol);

/** Of an ICMPv6 error, where the packet was to go that it is about. */
function quotedDestination({ protocol, payload }: IpPacket): Buffer | null {
  if (protocol !== ICMPV6 || payload.length < 8 || payload[0]! >= 128) return null;
  return parseIpv6(payload.subarray(8))?.destination ?? null;
}

function translateError6(from: IpPacket, map: AddressMap): Buffer | null {
  const { payload } = from;
  if (from.protocol !== ICMPV6 || from.fragment || payload.length < 8) return null;
  const pseudo = pseudoSum(from.source, from.destination, payload.length, ICMPV6);
  if (checksumOf(pseudo, sumOf(payload)) !== 0) return null;
  const head = errorInIpv4(payload[0]!, payload[1]!, payload.readUInt32BE(4));
  const quoted = parseIpv6(payload.subarray(8));
  if (!head || !quoted) return null;
  const [source, destination] = [map.ipv4Of(quoted.source), map.ipv4Of(quoted.destination)];
  if (!source || !destination) return null;
  const to = { ...quoted, source, destination, protocol: protocolIn4(quoted) };
  const inner = translateTransport(quoted, to, true);
  if (inner === null) return null;
  // The payload length stays that of the packet, of which this may be only the beginning.
  const bytes = Buffer.concat([headOf(head), buildIpv4({ ...to, payload: inner }, null)]);
  bytes.writeUInt16BE(checksumOf(sumOf(bytes)), 2);
  return bytes;
}

function translateError4(from: IpPacket, outer: IpPacket, map: AddressMap): Buffer | null {
  const { payload } = from;
  if (from.protocol !== ICMP || from.fragment || payload.length < 8) return null;
  if (checksumOf(sumOf(payload)) !== 0) return null;
  const head = errorInIpv6(payload[0]!, payload[1]!, payload.readUInt32BE(4));
  const quoted = parseIpv4(payload.subarray(8));
  if (!head || !quoted) return null;
  const [source, destination] = [map.ipv6Of(quoted.source), map.ipv6Of(quoted.destination)];
  const to = { ...quoted, source, destination, protocol: protocolIn6(quoted) };
  const inner = translateTransport(quoted, to, true);
  if (inner === null) return null;
  const whole = Buffer.concat([headOf(head), buildIpv6({ ...to, payload: inner })]);
  const bytes = whole.subarray(0, MINIMUM_MTU_6 - IPV6_HEADER); // an error is never longer (RFC 4443 section 2.4)
  const pseudo = pseudoSum(outer.source, outer.destination, bytes.length, ICMPV6);
  bytes.writeUInt16BE(checksumOf(pseudo, sumOf(bytes)), 2);
  return bytes;
}

function headOf({ type, code, word }: { type: number; code: number; word: number }): Buffer {
  const bytes = Buffer.alloc(8);
  bytes[0] = type;
  bytes[1] = code;
  bytes.writeUInt32BE(word, 4);
  return bytes;
}

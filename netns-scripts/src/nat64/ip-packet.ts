import { checksumOf, sumOf } from './checksum.ts';

/** What IPv4 (RFC 791) and IPv6 (RFC 8200) headers both say. Numbers of protocols are those of the family. */
export interface IpPacket {
  trafficClass: number;
  hopLimit: number;
  protocol: number;
  source: Buffer;
  destination: Buffer;
  /** Null for a whole packet; `offset` in bytes. */
  fragment: { id: number; offset: number; isMore: boolean } | null;
  /** As the header says; `payload` may have been cut off, inside an ICMP error. */
  payloadLength: number;
  payload: Buffer;
}

export const IPV4_HEADER = 20;
export const IPV6_HEADER = 40;
const FRAGMENT_HEADER = 8;
const FRAGMENT = 44;
/** What needs a router's or a host's attention, between IPv6 and its payload. The lab's hosts send none. */
const OTHER_HEADERS = [0, 43, 60];

/** Largest packet on a wire of the lab. */
export const MTU = 1500;
/** Least that every IPv6 link carries (RFC 8200 section 5). */
export const MINIMUM_MTU_6 = 1280;

/** Offsets: 0 version and length, 1 traffic class, 2 total length, 4 id, 6 fragment, 8 hops, 9 protocol, 12, 16 addresses. */
export function parseIpv4(bytes: Buffer): IpPacket | null {
  const headerLength = 4 * ((bytes[0] ?? 0) & 0x0f);
  if (bytes.length < IPV4_HEADER || bytes[0]! >> 4 !== 4 || headerLength < IPV4_HEADER) return null;
  const totalLength = bytes.readUInt16BE(2);
  if (totalLength < headerLength || bytes.length < headerLength) return null;
  const fragment = bytes.readUInt16BE(6);
  const isWhole = (fragment & 0x3fff) === 0;
  return {
    trafficClass: bytes[1]!,
    hopLimit: bytes[8]!,
    protocol: bytes[9]!,
    source: bytes.subarray(12, 16),
    destination: bytes.subarray(16, 20),
    fragment: isWhole
      ? null
      : {
          id: bytes.readUInt16BE(4),
          offset: 8 * (fragment & 0x1fff),
          isMore: (fragment & 0x2000) !== 0,
        },
    payloadLength: totalLength - headerLength,
    payload: bytes.subarray(headerLength, totalLength),
  };
}

/** Offsets: 0 version, class, flow, 4 payload length, 6 next header, 7 hops, 8, 24 addresses; then perhaps RFC 8200 section 4.5. */
export function parseIpv6(bytes: Buffer): IpPacket | null {
  if (bytes.length < IPV6_HEADER || bytes[0]! >> 4 !== 6) return null;
  const packet: IpPacket = {
    trafficClass: (bytes.readUInt16BE(0) >> 4) & 0xff,
    hopLimit: bytes[7]!,
    protocol: bytes[6]!,
    source: bytes.subarray(8, 24),
    destination: bytes.subarray(24, 40),
    fragment: null,
    payloadLength: bytes.readUInt16BE(4),
    payload: bytes.subarray(IPV6_HEADER, IPV6_HEADER + bytes.readUInt16BE(4)),
  };
  if (OTHER_HEADERS.includes(packet.protocol)) return null;
  if (packet.protocol !== FRAGMENT) return packet;
  const { payload } = packet;
  if (payload.length < FRAGMENT_HEADER) return null;
  const where = payload.readUInt16BE(2);
  const fragment = { id: payload.readUInt32BE(4), offset: where & 0xfff8, isMore: (where & 1) !== 0 };
  return {
    ...packet,
    protocol: payload[0]!,
    // A packet in one piece may have such a header, too (RFC 6946).
    fragment: fragment.offset === 0 && !fragment.isMore ? null : fragment,
    payloadLength: packet.payloadLength - FRAGMENT_HEADER,
    payload: payload.subarray(FRAGMENT_HEADER),
  };
}

/** @param id for a whole packet that may be fragmented on its way; null if it must not be */
export function buildIpv4(packet: IpPacket, id: number | null): Buffer {
  const { fragment, payload } = packet;
  const bytes = Buffer.alloc(IPV4_HEADER + payload.length);
  bytes[0] = 0x45;
  bytes[1] = packet.trafficClass;
  bytes.writeUInt16BE(IPV4_HEADER + packet.payloadLength, 2);
  bytes.writeUInt16BE((fragment?.id ?? id ?? 0) & 0xffff, 4);
  const flags = fragment ? (fragment.isMore ? 0x2000 : 0) : id === null ? 0x4000 : 0;
  bytes.writeUInt16BE(flags | ((fragment?.offset ?? 0) >> 3), 6);
  bytes[8] = packet.hopLimit;
  bytes[9] = packet.protocol;
  packet.source.copy(bytes, 12);
  packet.destination.copy(bytes, 16);
  bytes.writeUInt16BE(checksumOf(sumOf(bytes.subarray(0, IPV4_HEADER))), 10);
  payload.copy(bytes, IPV4_HEADER);
  return bytes;
}

export function buildIpv6(packet: IpPacket): Buffer {
  const { fragment, payload } = packet;
  const extra = fragment ? FRAGMENT_HEADER : 0;
  const bytes = Buffer.alloc(IPV6_HEADER + extra + payload.length);
  bytes.writeUInt16BE(0x6000 | (packet.trafficClass << 4), 0);
  bytes.writeUInt16BE(extra + packet.payloadLength, 4);
  bytes[6] = fragment ? FRAGMENT : packet.protocol;
  bytes[7] = packet.hopLimit;
  packet.source.copy(bytes, 8);
  packet.destination.copy(bytes, 24);
  if (fragment) {
    bytes[IPV6_HEADER] = packet.protocol;
    bytes.writeUInt16BE(fragment.offset | (fragment.isMore ? 1 : 0), IPV6_HEADER + 2);
    bytes.writeUInt32BE(fragment.id, IPV6_HEADER + 4);
  }
  payload.copy(bytes, IPV6_HEADER + extra);
  return bytes;
}

/** A fragment in pieces that fit a wire as IPv6; as IPv4 it was up to 28 bytes shorter. */
export function piecesForIpv6(packet: IpPacket): IpPacket[] {
  const { fragment, payload } = packet;
  const most = (MTU - IPV6_HEADER - FRAGMENT_HEADER) & ~7;
  if (!fragment || payload.length <= most) return [packet];
  const pieces: IpPacket[] = [];
  for (let at = 0; at < payload.length; at += most) {
    const piece = payload.subarray(at, at + most);
    const isMore = fragment.isMore || at + most < payload.length;
    pieces.push({
      ...packet,
      fragment: { ...fragment, offset: fragment.offset + at, isMore },
      payloadLength: piece.length,
      payload: piece,
    });
  }
  return pieces;
}

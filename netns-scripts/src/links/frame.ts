/**
 * What the shaper has to know about an Ethernet frame (RFC 894, 791, 8200).
 * Offsets: 12 EtherType, 14 IP header. IPv4: 14 first byte (header length), 20 fragment, 23 protocol, 26 addresses.
 * IPv6: 20 next header, 21 hop limit, 22 addresses, 54 payload.
 */
export const ETHERNET_HEADER = 14;

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;

/**
 * ARP and IPv6 neighbour discovery (RFC 4861: types 133 to 137). They pass at once and are never lost: access links
 * of the Internet do not resolve addresses, and one lost request would silence a node for a second.
 */
export function isNeighbourDiscovery(frame: Buffer): boolean {
  if (frame.length < ETHERNET_HEADER) return false;
  const type = frame.readUInt16BE(12);
  if (type === ETHERTYPE_ARP) return true;
  if (type !== ETHERTYPE_IPV6 || frame.length < 55 || frame[20] !== ICMPV6) return false;
  return frame[54]! >= 133 && frame[54]! <= 137;
}

/** A number that is the same for all packets of a flow (addresses, protocol, ports), and hardly ever for two flows. */
export function flowOf(frame: Buffer): number {
  if (frame.length < ETHERNET_HEADER + 20) return 0;
  const type = frame.readUInt16BE(12);
  if (type === ETHERTYPE_IPV4) {
    const protocol = frame[23]!;
    // The fragments of a packet have one header with ports between them: they count as a flow without.
    const isWhole = (frame.readUInt16BE(20) & 0x3fff) === 0;
    const payload = ETHERNET_HEADER + 4 * (frame[14]! & 0x0f);
    return hash(frame, 26, 34, isWhole ? portsAt(frame, protocol, payload) : protocol);
  }
  if (type === ETHERTYPE_IPV6 && frame.length >= 54)
    return hash(frame, 22, 54, portsAt(frame, frame[20]!, 54));
  return type;
}

function portsAt(frame: Buffer, protocol: number, offset: number): number {
  const hasPorts = (protocol === UDP || protocol === TCP) && frame.length >= offset + 4;
  return hasPorts ? frame.readInt32BE(offset) ^ (protocol << 8) : protocol;
}

/** FNV-1a over whole words. */
function hash(frame: Buffer, from: number, to: number, seed: number): number {
  let value = Math.imul(0x811c9dc5 ^ seed, 0x01000193);
  for (let at = from; at < to; at += 4)
    value = Math.imul(value ^ (value >>> 15) ^ frame.readInt32BE(at), 0x01000193);
  return value;
}

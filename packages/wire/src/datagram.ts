import { putUint16, putUint32, uint16At, uint32At } from './bytes.ts';

/**
 * First byte of every UDP datagram, in the spirit of RFC 7983: STUN is 0..3, ours is within 4..15, clear of
 * ZRTP (16..19), DTLS (20..63), TURN channels (64..79), RTP (128..191) and QUIC.
 */
export const DatagramType = {
  Media: 4,
  /** Connectivity check between the two softphones: see check.ts. */
  Check: 5,
  BindRequest: 6,
  BindChallenge: 7,
  BindAck: 8,
  /** Between supernodes, before one is listed: see dial-back.ts. */
  DialBackProbe: 9,
  DialBackAnswer: 10,
} as const;

/** Up to here the first byte is that of a STUN message (RFC 7983). */
export const LAST_STUN_BYTE = 3;

/** AES-128-GCM tag (RFC 5116). */
export const TAG_BYTES = 16;
/** type(1) flowId(4) counter(2) */
export const MEDIA_HEADER_BYTES = 7;
/** Largest datagram this protocol sends or forwards: 1,280 (IPv6 minimum MTU) - 40 (IPv6) - 8 (UDP). */
export const MAX_DATAGRAM_BYTES = 1232;

/** The receiver chose this number; a relay looks flows up by (source address, source port, flow id). 32 bits. */
export type FlowId = number;

export interface MediaHeader {
  flowId: FlowId;
  /** Low 16 bits of the packet counter. */
  counterLow: number;
}

/**
 * Media datagram, big-endian:
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 1 | type = 4 |
 * | 1 | 4 | flow id |
 * | 5 | 2 | packet counter, low 16 bits |
 * | 7 | n | ciphertext |
 * | 7 + n | 16 | AES-128-GCM tag |
 *
 * Returns null for anything that cannot be one.
 */
export function readMediaHeader(datagram: Uint8Array): MediaHeader | null {
  if (datagram.length < MEDIA_HEADER_BYTES + TAG_BYTES || datagram.length > MAX_DATAGRAM_BYTES) return null;
  if (datagram[0] !== DatagramType.Media) return null;
  return { flowId: uint32At(datagram, 1), counterLow: uint16At(datagram, 5) };
}

/** Puts a media header in front of `sealed` (ciphertext and tag). */
export function writeMedia(flowId: FlowId, counterLow: number, sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(MEDIA_HEADER_BYTES + sealed.length);
  datagram[0] = DatagramType.Media;
  putUint32(datagram, 1, flowId);
  putUint16(datagram, 5, counterLow);
  datagram.set(sealed, MEDIA_HEADER_BYTES);
  return datagram;
}

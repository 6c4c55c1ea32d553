import { putUint16, putUint32, uint16At, uint32At } from './bytes.ts';
import { DatagramType, type FlowId, TAG_BYTES } from './datagram.ts';

/**
 * Connectivity check between two softphones, big-endian. It goes wherever media may go, over a relay too:
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 1 | type = 5 |
 * | 1 | 4 | flow id |
 * | 5 | 4 | packet counter |
 * | 9 | 32 | ciphertext of a {@link Check} |
 * | 41 | 16 | AES-128-GCM tag |
 *
 * Associated data: the type byte. Checks have a key and counters of their own, so counters are 32 bits: enough for a
 * day of 49,000 checks a second.
 *
 * Decrypted (32 bytes, zeros at the end):
 *
 * | check | offset | bytes | field |
 * |---|---|---|---|
 * | ping | 0 | 1 | kind = 1 |
 * | | 1 | 8 | token: random, of this ping alone |
 * | | 9 | 4 | media packets that the sender has sent on this path, low 32 bits |
 * | | 13 | 1 | bit 0: the sender misses the peer's audio, on whatever path; from bit 1 on: a, 0, 4 or 16 |
 * | | 14 | 2 | port |
 * | | 16 | a | a server-reflexive address of the sender, for when control does not reach the peer any more |
 * | pong | 0 | 1 | kind = 2 |
 * | | 1 | 8 | token of the ping |
 * | | 9 | 4 | media packets received on this path, low 32 bits |
 * | | 13 | 1 | 4 or 16: bytes of the address that the ping came from |
 * | | 14 | 2 | its port |
 * | | 16 | 4 or 16 | the address |
 *
 * A pong over a relay names no address (0 bytes): what the relay's address is, nobody needs to be told.
 */
export const CHECK_HEADER_BYTES = 9;
export const CHECK_BYTES = 32;
export const CHECK_DATAGRAM_BYTES = CHECK_HEADER_BYTES + CHECK_BYTES + TAG_BYTES;
export const CHECK_TOKEN_BYTES = 8;

const CheckKind = { Ping: 1, Pong: 2 } as const;

export interface Ping {
  kind: 'ping';
  token: Uint8Array;
  sentPackets: number;
  /** Whether audio of the peer should have reached the sender lately, and has not, on whatever path. */
  misses: boolean;
  /** Where the sender may be reached as well; null where the peer is not to know, or nothing is known. */
  reflexive: CheckAddress | null;
}

/** 4 or 16 bytes, and port. */
export interface CheckAddress {
  address: Uint8Array;
  port: number;
}

export interface Pong {
  kind: 'pong';
  token: Uint8Array;
  receivedPackets: number;
  /** Where the ping came from; null over a relay. */
  seen: CheckAddress | null;
}

export type Check = Ping | Pong;

export function writeCheck(check: Check): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(CHECK_BYTES);
  bytes[0] = check.kind === 'ping' ? CheckKind.Ping : CheckKind.Pong;
  bytes.set(check.token, 1);
  const count = check.kind === 'ping' ? check.sentPackets : check.receivedPackets;
  putUint32(bytes, 9, count);
  const where = check.kind === 'ping' ? check.reflexive : check.seen;
  const length = where?.address.length ?? 0;
  bytes[13] = check.kind === 'ping' ? (length << 1) | (check.misses ? 1 : 0) : length;
  if (where === null) return bytes;
  putUint16(bytes, 14, where.port);
  bytes.set(where.address, 16);
  return bytes;
}

/** Null for anything that {@link writeCheck} does not make. */
export function readCheck(bytes: Uint8Array): Check | null {
  if (bytes.length !== CHECK_BYTES) return null;
  const token = bytes.slice(1, 1 + CHECK_TOKEN_BYTES);
  const isPing = bytes[0] === CheckKind.Ping;
  const length = isPing ? bytes[13]! >> 1 : bytes[13]!;
  if ((!isPing && bytes[0] !== CheckKind.Pong) || ![0, 4, 16].includes(length)) return null;
  const where = length === 0 ? null : { address: bytes.slice(16, 16 + length), port: uint16At(bytes, 14) };
  const count = uint32At(bytes, 9);
  if (isPing)
    return { kind: 'ping', token, sentPackets: count, misses: (bytes[13]! & 1) === 1, reflexive: where };
  return { kind: 'pong', token, receivedPackets: count, seen: where };
}

export interface CheckHeader {
  flowId: FlowId;
  counter: number;
}

/** Null for anything that cannot be a check. */
export function readCheckHeader(datagram: Uint8Array): CheckHeader | null {
  if (datagram.length !== CHECK_DATAGRAM_BYTES || datagram[0] !== DatagramType.Check) return null;
  return { flowId: uint32At(datagram, 1), counter: uint32At(datagram, 5) };
}

/** Puts a check header in front of `sealed` (ciphertext and tag). */
export function writeCheckDatagram(
  flowId: FlowId,
  counter: number,
  sealed: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(CHECK_HEADER_BYTES + sealed.length);
  datagram[0] = DatagramType.Check;
  putUint32(datagram, 1, flowId);
  putUint32(datagram, 5, counter);
  datagram.set(sealed, CHECK_HEADER_BYTES);
  return datagram;
}

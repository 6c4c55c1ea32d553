import { viewOf } from '@overcall/wire';
import { crc32 } from './crc32.ts';

/**
 * STUN message (RFC 8489, 5 and 14), big-endian:
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 2 | type: method and class |
 * | 2 | 2 | length of what follows the header, a multiple of 4 |
 * | 4 | 4 | magic cookie 0x2112A442 (RFC 3489: first part of the transaction id) |
 * | 8 | 12 | transaction id |
 * | 20 | n | attributes: type(2) length(2) value, padded to 4 |
 */
export const STUN_HEADER_BYTES = 20;
export const STUN_MAGIC_COOKIE = 0x2112a442;
export const TRANSACTION_ID_BYTES = 12;
const FINGERPRINT_XOR = 0x5354554e;

export const StunType = {
  BindingRequest: 0x0001,
  BindingSuccess: 0x0101,
  BindingError: 0x0111,
} as const;

export const StunAttribute = {
  MappedAddress: 0x0001,
  ChangeRequest: 0x0003,
  /** RFC 3489 only. */
  SourceAddress: 0x0004,
  /** RFC 3489 only. */
  ChangedAddress: 0x0005,
  Username: 0x0006,
  MessageIntegrity: 0x0008,
  ErrorCode: 0x0009,
  UnknownAttributes: 0x000a,
  Realm: 0x0014,
  Nonce: 0x0015,
  MessageIntegritySha256: 0x001c,
  PasswordAlgorithm: 0x001d,
  Userhash: 0x001e,
  XorMappedAddress: 0x0020,
  Priority: 0x0024,
  UseCandidate: 0x0025,
  /** RFC 5780, 7.6. */
  Padding: 0x0026,
  /** RFC 5780, 7.5. */
  ResponsePort: 0x0027,
  Software: 0x8022,
  Fingerprint: 0x8028,
  IceControlled: 0x8029,
  IceControlling: 0x802a,
  /** RFC 5780, 7.3. */
  ResponseOrigin: 0x802b,
  /** RFC 5780, 7.4. */
  OtherAddress: 0x802c,
  // Ours, of the comprehension-optional range: see stun-service.ts.
  ProbeCookie: 0xe0c1,
  VoucherFor: 0xe0c2,
  Voucher: 0xe0c3,
} as const;

export interface StunAttributeValue {
  type: number;
  value: Uint8Array;
}

export interface StunMessage {
  type: number;
  /** 16 bytes: the magic cookie (or what an RFC 3489 client has there) and the transaction id. */
  transaction: Uint8Array;
  attributes: StunAttributeValue[];
}

/** What a request of ours has in the place of `transaction`: the cookie, and this id, which is random. */
export function stunTransaction(id: Uint8Array): Uint8Array<ArrayBuffer> {
  const transaction = new Uint8Array(4 + TRANSACTION_ID_BYTES);
  viewOf(transaction).setUint32(0, STUN_MAGIC_COOKIE);
  transaction.set(id, 4);
  return transaction;
}

/** Whether the sender knows RFC 5389 or later, and so XOR-MAPPED-ADDRESS. */
export function hasMagicCookie(message: StunMessage): boolean {
  return viewOf(message.transaction).getUint32(0) === STUN_MAGIC_COOKIE;
}

export function findAttribute(message: StunMessage, type: number): Uint8Array | null {
  return message.attributes.find((attribute) => attribute.type === type)?.value ?? null;
}

/** Decodes a message; null when it is none, or when it has a FINGERPRINT that is wrong or not the last. */
export function readStunMessage(datagram: Uint8Array): StunMessage | null {
  if (datagram.length < STUN_HEADER_BYTES || datagram.length % 4 !== 0 || datagram[0]! > 3) return null;
  const view = viewOf(datagram);
  if (view.getUint16(2) !== datagram.length - STUN_HEADER_BYTES) return null;
  const attributes: StunAttributeValue[] = [];
  for (let at = STUN_HEADER_BYTES; at < datagram.length; ) {
    const type = view.getUint16(at);
    const end = at + 4 + view.getUint16(at + 2);
    if (end > datagram.length) return null;
    const value = datagram.subarray(at + 4, end);
    if (type === StunAttribute.Fingerprint && !isFingerprint(datagram, at, value)) return null;
    attributes.push({ type, value });
    at = (end + 3) & ~3;
  }
  return { type: view.getUint16(0), transaction: datagram.subarray(4, STUN_HEADER_BYTES), attributes };
}

function isFingerprint(datagram: Uint8Array, at: number, value: Uint8Array): boolean {
  if (value.length !== 4 || at + 8 !== datagram.length) return false;
  return viewOf(value).getUint32(0) === (crc32(datagram.subarray(0, at)) ^ FINGERPRINT_XOR) >>> 0;
}

/** Encodes a message; with `fingerprint` a FINGERPRINT is appended. */
export function writeStunMessage(
  message: StunMessage,
  options: { fingerprint?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const attributesBytes = message.attributes.reduce(
    (sum, { value }) => sum + 4 + ((value.length + 3) & ~3),
    0,
  );
  const length = attributesBytes + (options.fingerprint ? 8 : 0);
  const datagram = new Uint8Array(STUN_HEADER_BYTES + length);
  const view = viewOf(datagram);
  view.setUint16(0, message.type);
  view.setUint16(2, length);
  datagram.set(message.transaction, 4);
  let at = STUN_HEADER_BYTES;
  for (const { type, value } of message.attributes) {
    view.setUint16(at, type);
    view.setUint16(at + 2, value.length);
    datagram.set(value, at + 4);
    at += 4 + ((value.length + 3) & ~3);
  }
  if (options.fingerprint) {
    view.setUint16(at, StunAttribute.Fingerprint);
    view.setUint16(at + 2, 4);
    view.setUint32(at + 4, crc32(datagram.subarray(0, at)) ^ FINGERPRINT_XOR);
  }
  return datagram;
}

import { viewOf } from '@overcall/wire';
import { type AddressPort, addressBytes, addressFromBytes } from './ip-address.ts';
import { findAttribute, STUN_MAGIC_COOKIE, StunAttribute, type StunMessage } from './stun-message.ts';

/**
 * Value of MAPPED-ADDRESS and its kin (RFC 8489, 14.1): zero(1), family(1) = 1 or 2, port(2), address(4 or 16).
 * XOR-MAPPED-ADDRESS (14.2) is the same with the port XORed with the upper half of the magic cookie and the
 * address with the cookie followed by the transaction id.
 */
export function writeStunAddress({ address, port }: AddressPort): Uint8Array<ArrayBuffer> {
  const bytes = addressBytes(address);
  if (bytes === null) throw new RangeError(`${address} is no IP address`);
  const value = new Uint8Array(4 + bytes.length);
  value[1] = bytes.length === 4 ? 1 : 2;
  viewOf(value).setUint16(2, port);
  value.set(bytes, 4);
  return value;
}

/** Null for any malformed value. */
export function readStunAddress(value: Uint8Array): AddressPort | null {
  const wanted = value[1] === 1 ? 8 : value[1] === 2 ? 20 : -1;
  if (value.length !== wanted) return null;
  const address = addressFromBytes(value.subarray(4));
  return address === null ? null : { address, port: viewOf(value).getUint16(2) };
}

/** XORs a value either way; `transaction` is the 16 bytes after the length of the message. */
function xorAddress(value: Uint8Array, transaction: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(value);
  out[2]! ^= (STUN_MAGIC_COOKIE >>> 24) & 0xff;
  out[3]! ^= (STUN_MAGIC_COOKIE >>> 16) & 0xff;
  for (let i = 4; i < out.length; i++) out[i]! ^= transaction[i - 4]!;
  return out;
}

export function writeXorStunAddress(to: AddressPort, transaction: Uint8Array): Uint8Array<ArrayBuffer> {
  return xorAddress(writeStunAddress(to), transaction);
}

function readXorStunAddress(value: Uint8Array, transaction: Uint8Array): AddressPort | null {
  return value.length > 20 ? null : readStunAddress(xorAddress(value, transaction));
}

/** The mapped address of a Binding success response: XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS; null without. */
export function mappedAddressOf(message: StunMessage): AddressPort | null {
  const xored = findAttribute(message, StunAttribute.XorMappedAddress);
  if (xored !== null) return readXorStunAddress(xored, message.transaction);
  const plain = findAttribute(message, StunAttribute.MappedAddress);
  return plain === null ? null : readStunAddress(plain);
}

import { viewOf } from '@overcall/wire';
import { type AddressPort, canonicalAddress } from './ip-address.ts';
import { writeStunAddress, writeXorStunAddress } from './stun-address.ts';
import {
  findAttribute,
  hasMagicCookie,
  readStunMessage,
  StunAttribute,
  type StunAttributeValue,
  type StunMessage,
  StunType,
  writeStunMessage,
} from './stun-message.ts';

/**
 * A Binding server without authentication (RFC 8489, 13). Stateless. Answers are at most 2.6 times as long as
 * the request: a bare request of 20 bytes draws 32 bytes over IPv4 and 44 over IPv6, an unknown attribute in 24
 * bytes draws 56.
 */

/** Comprehension-required attributes that a Binding request may carry; a server without use for them ignores them. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  StunAttribute.Username,
  StunAttribute.MessageIntegrity,
  StunAttribute.Realm,
  StunAttribute.Nonce,
  StunAttribute.MessageIntegritySha256,
  StunAttribute.PasswordAlgorithm,
  StunAttribute.Userhash,
  StunAttribute.Priority,
  StunAttribute.UseCandidate,
  StunAttribute.Padding,
]);
/** RFC 3489, 11.2.4; RFC 5780, 7.2. */
export const CHANGE_PORT = 0x2;
export const CHANGE_ADDRESS = 0x4;
const CHANGE_FLAGS = CHANGE_PORT | CHANGE_ADDRESS;

/** What an answer may carry beyond the mapped address. */
export interface BindingExtras {
  /** Whether an answer can come from where CHANGE-REQUEST wants it. */
  canChange?: (flags: number) => boolean;
  /** Whether RESPONSE-PORT is heeded. */
  mayChoosePort?: boolean;
  attributes?: (request: StunMessage) => StunAttributeValue[];
}

/**
 * The answer to a Binding request; null when there is none: not STUN, not a request, or one that wants its
 * answer from another address by RFC 3489.
 */
export function stunResponder(datagram: Uint8Array, source: AddressPort): Uint8Array<ArrayBuffer> | null {
  const request = readStunMessage(datagram);
  if (request === null) return null;
  return answerBinding(request, source);
}

/** As {@link stunResponder}, for a request that has been read. */
export function answerBinding(
  request: StunMessage,
  source: AddressPort,
  extras: BindingExtras = {},
): Uint8Array<ArrayBuffer> | null {
  if (request.type !== StunType.BindingRequest) return null;
  const address = canonicalAddress(source.address);
  if (address === null || source.port === 0) return null;
  const mapped = { address, port: source.port };
  return hasMagicCookie(request) ? answer(request, mapped, extras) : legacyAnswer(request, mapped);
}

function answer(request: StunMessage, mapped: AddressPort, extras: BindingExtras): Uint8Array<ArrayBuffer> {
  const fingerprint = findAttribute(request, StunAttribute.Fingerprint) !== null;
  const unknown = unknownAttributes(request, extras);
  if (unknown.length > 0) return refusal(request, unknown, fingerprint);
  const value = writeXorStunAddress(mapped, request.transaction);
  const attributes = [
    { type: StunAttribute.XorMappedAddress, value },
    ...(extras.attributes?.(request) ?? []),
  ];
  return writeStunMessage(
    { type: StunType.BindingSuccess, transaction: request.transaction, attributes },
    { fingerprint },
  );
}

/**
 * RFC 3489 clients know MAPPED-ADDRESS only. One that asks for an answer from another address gets none, since
 * there is none to answer from: even an error from this address would make it believe in an open network. For the
 * same reason CHANGED-ADDRESS is left out.
 */
function legacyAnswer(request: StunMessage, mapped: AddressPort): Uint8Array<ArrayBuffer> | null {
  if (changeFlags(request) !== 0) return null;
  const attributes = [{ type: StunAttribute.MappedAddress, value: writeStunAddress(mapped) }];
  return writeStunMessage({ type: StunType.BindingSuccess, transaction: request.transaction, attributes });
}

function unknownAttributes(
  request: StunMessage,
  { canChange = () => false, mayChoosePort = false }: BindingExtras,
): number[] {
  const flags = changeFlags(request);
  const types = request.attributes
    .map(({ type }) => type)
    .filter((type) => type < 0x8000 && !UNDERSTOOD.has(type))
    // RFC 5780, 7.2: a server without a second address refuses CHANGE-REQUEST; one that asks for nothing is harmless.
    .filter((type) => type !== StunAttribute.ChangeRequest || (flags !== 0 && !canChange(flags)))
    .filter((type) => type !== StunAttribute.ResponsePort || !mayChoosePort);
  return [...new Set(types)];
}

/** Zero when the request does not want its answer from elsewhere. */
export function changeFlags(request: StunMessage): number {
  const value = findAttribute(request, StunAttribute.ChangeRequest);
  return value?.length === 4 ? viewOf(value).getUint32(0) & CHANGE_FLAGS : 0;
}

/** 420 Unknown Attribute with UNKNOWN-ATTRIBUTES (RFC 8489, 6.3.1, 14.8 and 14.13). */
function refusal(request: StunMessage, unknown: number[], fingerprint: boolean): Uint8Array<ArrayBuffer> {
  const list = new Uint8Array(unknown.length * 2);
  unknown.forEach((type, i) => {
    viewOf(list).setUint16(i * 2, type);
  });
  const attributes: StunAttributeValue[] = [
    { type: StunAttribute.ErrorCode, value: errorCode(420, 'Unknown Attribute') },
    { type: StunAttribute.UnknownAttributes, value: list },
  ];
  return writeStunMessage(
    { type: StunType.BindingError, transaction: request.transaction, attributes },
    { fingerprint },
  );
}

/** Value of ERROR-CODE: zero(2), class(1) = hundreds, number(1), reason phrase. */
function errorCode(code: number, reason: string): Uint8Array<ArrayBuffer> {
  const phrase = new TextEncoder().encode(reason);
  const value = new Uint8Array(4 + phrase.length);
  value[2] = Math.floor(code / 100);
  value[3] = code % 100;
  value.set(phrase, 4);
  return value;
}

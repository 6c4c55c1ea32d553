import { viewOf } from '@overcall/wire';
import { type AddressPort, canonicalAddress, parseAddressPort } from './ip-address.ts';
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
import { answerBinding, CHANGE_ADDRESS, CHANGE_PORT, changeFlags } from './stun-responder.ts';

/**
 * A STUN server that helps to find out how a NAT behaves (RFC 5780), over IPv4. Stateless but for a short memory of
 * plain requests.
 *
 * Attributes of our own:
 * - PROBE-COOKIE (16 bytes; zeros to ask for one): proves that the sender receives at its address.
 * - VOUCHER-FOR (32 bytes, SHA-256 thumbprint of another supernode's key) asks for a voucher, in a request at least as
 *   long as its answer. Only who receives at an address gets a voucher for it.
 * - VOUCHER: in an answer, signed by this server; in a request to the other supernode, which then sends one answer with
 *   this request's transaction to the address in the voucher: a probe from where that address never sent to.
 */

/** One of the sockets. */
export interface StunSite {
  /** As others reach it; null where that is not known. */
  origin: AddressPort | null;
  /** Number of the socket with the other port and the same address; null where there is none. */
  otherPort: number | null;
  /** Number of the socket with the same port and the other address. */
  otherAddress: number | null;
}

export interface ProbeCookies {
  make(source: AddressPort, nowMs: number): Uint8Array;
  verify(cookie: Uint8Array, source: AddressPort, nowMs: number): boolean;
}

export type StunOutcome =
  | { kind: 'drop'; reason: 'not-stun' | 'unproven' }
  | { kind: 'answer'; from: number; to: AddressPort; datagram: Uint8Array; isUnprovenProbe: boolean }
  /** A voucher is asked for; the answer without one is short, and null stands for none. */
  | { kind: 'vouch'; audience: Uint8Array; answer: (token: Uint8Array | null) => Uint8Array }
  /** A voucher is shown. When it is good: the probe for the address in it, and the answer to who showed it. */
  | { kind: 'probe'; token: Uint8Array; answer: Uint8Array; probe: (to: AddressPort) => Uint8Array };

const COOKIE_BYTES = 16;
const KEY_ID_BYTES = 32;
/** Clients that know nothing of cookies ask plainly before they ask for an answer from elsewhere: this long before, ms. */
const RECENT_MS = 60_000;
const MAX_RECENT = 1024;

export class StunService {
  readonly #sites: readonly StunSite[];
  readonly #cookies: ProbeCookies;
  /** Addresses that asked plainly, and when; the oldest first. */
  readonly #recent = new Map<string, number>();

  constructor(sites: readonly StunSite[], cookies: ProbeCookies) {
    this.#sites = sites;
    this.#cookies = cookies;
  }

  /** @param socket number of the socket that it came to */
  handle(socket: number, datagram: Uint8Array, source: AddressPort, nowMs: number): StunOutcome {
    const request = readStunMessage(datagram);
    const address = canonicalAddress(source.address);
    if (request?.type !== StunType.BindingRequest || address === null) return drop('not-stun');
    const from = { address, port: source.port };
    if (!hasMagicCookie(request) || address.includes(':')) return plainly(socket, request, from);
    const flags = changeFlags(request);
    const target = flags === 0 ? socket : this.#socketFor(socket, flags);
    const isElsewhere = flags !== 0 || responsePort(request) !== null;
    if (isElsewhere && target !== null) return this.#elsewhere(target, request, from, nowMs);
    if (!isElsewhere) this.#remember(from, nowMs);
    const answer = (more: StunAttributeValue[] = []) =>
      answerBinding(request, from, {
        attributes: () => [...this.#behaviourAttributes(socket, request, from, nowMs), ...more],
      })!;
    const audience = findAttribute(request, StunAttribute.VoucherFor);
    if (audience?.length === KEY_ID_BYTES) {
      const withToken = (token: Uint8Array | null) => {
        const full = token === null ? null : answer([{ type: StunAttribute.Voucher, value: token }]);
        return full !== null && full.length <= datagram.length ? full : answer();
      };
      return { kind: 'vouch', audience, answer: withToken };
    }
    const token = findAttribute(request, StunAttribute.Voucher);
    if (token === null)
      return { kind: 'answer', from: socket, to: from, datagram: answer(), isUnprovenProbe: false };
    return { kind: 'probe', token, answer: answerBinding(request, from)!, probe: probeOf(request) };
  }

  #socketFor(socket: number, flags: number): number | null {
    let target: number | null = socket;
    if (flags & CHANGE_PORT) target = this.#sites[target]!.otherPort;
    if (flags & CHANGE_ADDRESS && target !== null) target = this.#sites[target]!.otherAddress;
    return target;
  }

  /**
   * From elsewhere, or to another port, goes nothing but the mapped address, and only to who has shown to be there or asked
   * plainly before. A cookie is for one port: who names another has shown nothing.
   */
  #elsewhere(target: number, request: StunMessage, from: AddressPort, nowMs: number): StunOutcome {
    const cookie = findAttribute(request, StunAttribute.ProbeCookie);
    const port = responsePort(request);
    const isProven = port === null && cookie !== null && this.#cookies.verify(cookie, from, nowMs);
    const asked = this.#recent.get(from.address) ?? Number.NEGATIVE_INFINITY;
    if (!isProven && nowMs - asked > RECENT_MS) return drop('unproven');
    const datagram = answerBinding(request, from, { canChange: () => true, mayChoosePort: true })!;
    const to = { ...from, port: port ?? from.port };
    return { kind: 'answer', from: target, to, datagram, isUnprovenProbe: !isProven };
  }

  #remember({ address }: AddressPort, nowMs: number): void {
    this.#recent.delete(address);
    this.#recent.set(address, nowMs);
    if (this.#recent.size > MAX_RECENT) this.#recent.delete(this.#recent.keys().next().value!);
  }

  /**
   * OTHER-ADDRESS with this server's only address would mislead clients that go by RFC 5780, where it is another one:
   * those who send a cookie know better.
   */
  #behaviourAttributes(
    socket: number,
    request: StunMessage,
    from: AddressPort,
    nowMs: number,
  ): StunAttributeValue[] {
    const { origin } = this.#sites[socket]!;
    const cookie = findAttribute(request, StunAttribute.ProbeCookie);
    const both = this.#socketFor(socket, CHANGE_PORT | CHANGE_ADDRESS);
    const other = both ?? (cookie === null ? null : this.#socketFor(socket, CHANGE_PORT));
    const otherOrigin = other === null ? null : this.#sites[other]!.origin;
    return [
      ...(origin === null ? [] : [addressAttribute(StunAttribute.ResponseOrigin, origin)]),
      ...(otherOrigin === null ? [] : [addressAttribute(StunAttribute.OtherAddress, otherOrigin)]),
      ...(cookie?.length === COOKIE_BYTES
        ? [{ type: StunAttribute.ProbeCookie, value: this.#cookies.make(from, nowMs) }]
        : []),
    ];
  }
}

const drop = (reason: 'not-stun' | 'unproven'): StunOutcome => ({ kind: 'drop', reason });

const addressAttribute = (type: number, address: AddressPort): StunAttributeValue => ({
  type,
  value: writeStunAddress(address),
});

/** RESPONSE-PORT (RFC 5780, 7.5): port(2), zero(2). */
function responsePort(request: StunMessage): number | null {
  const value = findAttribute(request, StunAttribute.ResponsePort);
  const port = value?.length === 4 ? viewOf(value).getUint16(0) : 0;
  return port === 0 ? null : port;
}

/** RFC 3489 clients, and IPv6, which nobody translates. */
function plainly(socket: number, request: StunMessage, from: AddressPort): StunOutcome {
  const datagram = answerBinding(request, from);
  if (datagram === null) return drop('not-stun');
  return { kind: 'answer', from: socket, to: from, datagram, isUnprovenProbe: false };
}

/** The transaction is known only to who showed the voucher. */
function probeOf({ transaction }: StunMessage): (to: AddressPort) => Uint8Array {
  return (to) => {
    const value = writeXorStunAddress(to, transaction);
    const attributes = [{ type: StunAttribute.XorMappedAddress, value }];
    return writeStunMessage({ type: StunType.BindingSuccess, transaction, attributes });
  };
}

/**
 * The sites of a server from what is known of its sockets: where they are bound, which of them are for the alternate
 * port, and how others reach them. Two addresses help each other when both have been given a socket of their own.
 */
export function stunSites(
  sockets: readonly { address: string; isAlternate: boolean; origin: string | null }[],
): StunSite[] {
  const origins = sockets.map(({ origin }) => (origin === null ? null : parseAddressPort(origin)));
  const find = (isOne: (socket: (typeof sockets)[number], origin: AddressPort | null) => boolean) => {
    const index = sockets.findIndex((socket, i) => isOne(socket, origins[i]!));
    return index < 0 ? null : index;
  };
  return sockets.map(({ address, isAlternate }, index) => {
    const origin = origins[index]!;
    const family = address.includes(':');
    return {
      origin,
      otherPort: find((other) => other.address === address && other.isAlternate !== isAlternate),
      otherAddress: find(
        (other, otherOrigin) =>
          other.isAlternate === isAlternate &&
          other.address.includes(':') === family &&
          otherOrigin !== null &&
          origin !== null &&
          otherOrigin.address !== origin.address,
      ),
    };
  });
}

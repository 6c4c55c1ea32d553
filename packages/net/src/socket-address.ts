import { isIP, isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { UdpAddress } from './udp-socket.ts';

// Constants of Linux and layout of struct sockaddr_in and sockaddr_in6 (linux/in.h, linux/in6.h): family(2, own byte
// order), port(2, big-endian), then address(4), or flow information(4), address(16), scope(4).
export const AF_INET = 2;
export const AF_INET6 = 10;
const IPV4_AT = 4;
const IPV6_AT = 8;
export const IPV4_BYTES = 16;
export const IPV6_BYTES = 28;

/** What is remembered of addresses at most; a power of two. */
const REMEMBERED = 8192;
/** Family and port, and the four words of an address. */
const KEY_WORDS = 5;

/** struct sockaddr of an address. @throws when it is none */
export function socketAddress({ address, port }: UdpAddress): Uint8Array<ArrayBuffer> {
  const bytes = isIPv6(address) ? ipv6(address) : ipv4(address);
  new DataView(bytes.buffer).setUint16(2, port);
  return bytes;
}

function ipv4(address: string): Uint8Array<ArrayBuffer> {
  if (!isIPv4(address)) throw new TypeError(`"${address}" is not an IP address`);
  const bytes = new Uint8Array(IPV4_BYTES);
  new DataView(bytes.buffer).setUint16(0, AF_INET, true);
  bytes.set(ipaddr.IPv4.parse(address).toByteArray(), IPV4_AT);
  return bytes;
}

function ipv6(address: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(IPV6_BYTES);
  new DataView(bytes.buffer).setUint16(0, AF_INET6, true);
  bytes.set(ipaddr.IPv6.parse(address).toByteArray(), IPV6_AT);
  return bytes;
}

/** The text of an address in memory; an IPv6 one as the system writes it (RFC 5952). */
function textAt(bytes: Uint8Array, at: number, isV6: boolean): string {
  if (isV6) return new ipaddr.IPv6([...bytes.subarray(at + IPV6_AT, at + IPV6_AT + 16)]).toRFC5952String();
  return `${bytes[at + 4]}.${bytes[at + 5]}.${bytes[at + 6]}.${bytes[at + 7]}`;
}

/** What a struct sockaddr in memory says. */
export const addressAt = (bytes: Uint8Array, at: number, isV6: boolean): UdpAddress => ({
  address: textAt(bytes, at, isV6),
  port: (bytes[at + 2]! << 8) | bytes[at + 3]!,
});

/**
 * Senders by struct sockaddr: one object for each instead of one for each datagram. Whoever comes pushes out who
 * was there before the last one, so there is nothing to clean up, and nothing to fill.
 */
export class SourceCache<Source> {
  readonly #isV6: boolean;
  readonly #make: (address: string, port: number) => Source;
  readonly #keys = new Int32Array(KEY_WORDS * REMEMBERED);
  readonly #sources: (Source | undefined)[] = new Array(REMEMBERED).fill(undefined);

  constructor(isV6: boolean, make: (address: string, port: number) => Source) {
    this.#isV6 = isV6;
    this.#make = make;
  }

  /** @param at a multiple of four, in both views of one memory */
  at(bytes: Uint8Array, words: Int32Array, at: number): Source {
    const from = at >> 2;
    const head = words[from]!;
    const a = words[from + (this.#isV6 ? 2 : 1)]!;
    // Each by itself: a list would be an object, more garbage than all else that relaying a datagram makes.
    const b = this.#isV6 ? words[from + 3]! : 0;
    const c = this.#isV6 ? words[from + 4]! : 0;
    const d = this.#isV6 ? words[from + 5]! : 0;
    const place = hash(head, a, b, c, d) & (REMEMBERED - 1);
    // Two that share a place have the one beside it as well.
    if (this.#isAt(place, head, a, b, c, d)) return this.#sources[place]!;
    if (this.#isAt(place ^ 1, head, a, b, c, d)) return this.#sources[place ^ 1]!;
    if (this.#sources[place] !== undefined) this.#move(place, place ^ 1);
    return this.#remember(place, bytes, at, [head, a, b, c, d]);
  }

  #isAt(place: number, head: number, a: number, b: number, c: number, d: number): boolean {
    const keys = this.#keys;
    const key = KEY_WORDS * place;
    return (
      this.#sources[place] !== undefined &&
      keys[key] === head &&
      keys[key + 1] === a &&
      keys[key + 2] === b &&
      keys[key + 3] === c &&
      keys[key + 4] === d
    );
  }

  #move(place: number, to: number): void {
    this.#keys.copyWithin(KEY_WORDS * to, KEY_WORDS * place, KEY_WORDS * (place + 1));
    this.#sources[to] = this.#sources[place];
  }

  #remember(place: number, bytes: Uint8Array, at: number, key: readonly number[]): Source {
    this.#keys.set(key, KEY_WORDS * place);
    const { address, port } = addressAt(bytes, at, this.#isV6);
    const source = this.#make(address, port);
    this.#sources[place] = source;
    return source;
  }
}

/** The port is mixed before the address: neighbours with each other's ports would cancel out. */
function hash(head: number, a: number, b: number, c: number, d: number): number {
  let value = Math.imul(head, 0x9e3779b1);
  value = Math.imul(value ^ (value >>> 15) ^ a, 0x9e3779b1);
  value = Math.imul(value ^ (value >>> 15) ^ b, 0x85ebca77);
  value = Math.imul(value ^ (value >>> 13) ^ c, 0xc2b2ae3d);
  value = Math.imul(value ^ (value >>> 16) ^ d, 0x27d4eb2f);
  return value ^ (value >>> 15);
}

/** struct sockaddr by the text of an address, in words, to be completed with a port ({@link portWord}). */
export class DestinationCache {
  readonly #byText = new Map<string, Int32Array>();

  /** Null when it is no address. */
  get(address: string): Int32Array | null {
    const known = this.#byText.get(address);
    if (known !== undefined) return known;
    if (isIP(address) === 0) return null;
    const words = new Int32Array(socketAddress({ address, port: 0 }).buffer);
    if (this.#byText.size >= REMEMBERED) this.#byText.clear();
    this.#byText.set(address, words);
    return words;
  }
}

/** The first word of a struct sockaddr: family, and the port, big-endian. */
export const portWord = (name: Int32Array, port: number): number =>
  name[0]! | ((port & 0xff) << 24) | ((port & 0xff00) << 8);

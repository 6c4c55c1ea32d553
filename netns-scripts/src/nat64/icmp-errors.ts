import { IPV4_HEADER, IPV6_HEADER, MINIMUM_MTU_6, MTU } from './ip-packet.ts';

/** Type, code and the word after the checksum of an ICMP error in the other family. */
export interface ErrorHead {
  type: number;
  code: number;
  word: number;
}

const LONGER = IPV6_HEADER - IPV4_HEADER;

/** RFC 7915 section 4.2; null for what has no counterpart. */
export function errorInIpv6(type: number, code: number, word: number): ErrorHead | null {
  if (type === 11 && code <= 1) return { type: 3, code, word: 0 };
  if (type !== 3) return null;
  if ([0, 1, 5, 6, 7, 8, 11, 12].includes(code)) return { type: 1, code: 0, word: 0 };
  if ([9, 10, 13, 15].includes(code)) return { type: 1, code: 1, word: 0 };
  if (code === 2) return { type: 4, code: 1, word: 6 }; // the next header field
  if (code === 3) return { type: 1, code: 4, word: 0 };
  if (code !== 4) return null;
  // Where the next link carries less than IPv6 must, packets become fragments behind the translator.
  const mtu = Math.min(MTU, (word & 0xffff) + LONGER);
  return { type: 2, code: 0, word: Math.max(MINIMUM_MTU_6, mtu) };
}

/** RFC 7915 section 5.2; null for what has no counterpart. */
export function errorInIpv4(type: number, code: number, word: number): ErrorHead | null {
  if (type === 1) {
    const codes: Record<number, number> = { 0: 1, 1: 10, 2: 1, 3: 1, 4: 3 };
    return codes[code] === undefined ? null : { type: 3, code: codes[code], word: 0 };
  }
  if (type === 2) return { type: 3, code: 4, word: Math.min(MTU, word) - LONGER };
  if (type === 3 && code <= 1) return { type: 11, code, word: 0 };
  if (type === 4 && code === 1) return { type: 3, code: 2, word: 0 };
  return null;
}

import {
  CHECK_HEADER_BYTES,
  CHECK_TOKEN_BYTES,
  type Check,
  type FlowId,
  type Ping,
  readCheck,
  readCheckHeader,
  writeCheck,
  writeCheckDatagram,
} from '@overcall/wire';
import type { Path, SocketId } from './path.ts';
import type { CheckCipher, PathOutput } from './path-agent-types.ts';
import { PingBook, type SentPing } from './ping-book.ts';

/** Hop limit of the first datagram to an address: it opens our NATs and dies before it reaches the peer's. */
export const OPENING_HOP_LIMIT = 5;

/** Where a check goes. */
export interface CheckTarget {
  socket: SocketId;
  to: string;
  flow: FlowId;
  /** With a low hop limit. */
  opens?: boolean;
}

/** Checks as datagrams, under the keys of the call, and the pings that are out. */
export class Checks {
  readonly #cipher: CheckCipher;
  readonly #random: (bytes: number) => Uint8Array;
  readonly #pings: PingBook;

  constructor(cipher: CheckCipher, random: (bytes: number) => Uint8Array) {
    this.#cipher = cipher;
    this.#random = random;
    this.#pings = new PingBook(random);
  }

  write(check: Check, { socket, to, flow, opens }: CheckTarget): PathOutput {
    const { counter, sealed } = this.#cipher.seal(writeCheck(check));
    const datagram = writeCheckDatagram(flow, counter, sealed);
    return { type: 'send', socket, to, datagram, ...(opens ? { hopLimit: OPENING_HOP_LIMIT } : {}) };
  }

  /** Null for what is not the peer's, or repeated. */
  read(datagram: Uint8Array): { flow: FlowId; check: Check } | null {
    const header = readCheckHeader(datagram);
    const sealed = datagram.subarray(CHECK_HEADER_BYTES);
    const plaintext = header && this.#cipher.open(header.counter, sealed);
    const check = plaintext && readCheck(plaintext);
    return check ? { flow: header!.flowId, check } : null;
  }

  /** A ping on a path, whose answer will be known. */
  ping(path: Path, nowMs: number, rest: Pick<Ping, 'misses' | 'reflexive'>): Ping {
    const { sentPackets } = path;
    const token = this.#pings.note({ path, sentAtMs: nowMs, number: path.sentPings++, sentPackets });
    return { kind: 'ping', token, sentPackets, ...rest };
  }

  /** One that nobody waits for. */
  probe(): Ping {
    const token = this.#random(CHECK_TOKEN_BYTES);
    return { kind: 'ping', token, sentPackets: 0, misses: false, reflexive: null };
  }

  /** The ping that is answered with this token; null for none that is out. */
  take(token: Uint8Array): SentPing | null {
    return this.#pings.take(token);
  }
}

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
import { type Path, pathKey, type SocketId } from './path.ts';
import type { CheckCipher, PathOutput } from './path-agent-types.ts';
import { MAX_PINGS_OUT, MAX_PROBES_OUT, PingBook, type SentPing, type SentProbe } from './ping-book.ts';

/** Hop limit of the first datagram to an address: it opens our NATs and dies before it reaches the peer's. */
const OPENING_HOP_LIMIT = 5;

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
  readonly #pings: PingBook<SentPing>;
  readonly #probes: PingBook<SentProbe>;

  constructor(cipher: CheckCipher, random: (bytes: number) => Uint8Array) {
    this.#cipher = cipher;
    this.#random = random;
    this.#pings = new PingBook(random, MAX_PINGS_OUT);
    this.#probes = new PingBook(random, MAX_PROBES_OUT);
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

  /** One to an address that is no path: it becomes one if there is an answer. */
  probe(socket: SocketId, to: string, nowMs: number): Ping {
    return singlePing(this.#probes.note({ key: pathKey(socket, to), sentAtMs: nowMs }));
  }

  /** One that is not to arrive, so that nobody waits for an answer. */
  opening(): Ping {
    return singlePing(this.#random(CHECK_TOKEN_BYTES));
  }

  /** The check that went out on that path and is answered with this token; null for none that is out. */
  take(token: Uint8Array, path: Path): SentPing | null {
    const ping = this.#pings.take(token);
    if (ping !== null) return ping.path === path ? ping : null;
    const probe = this.#probes.take(token);
    if (probe === null || probe.key !== path.key) return null;
    return { path, sentAtMs: probe.sentAtMs, number: path.sentPings++, sentPackets: 0 };
  }
}

const singlePing = (token: Uint8Array): Ping => ({
  kind: 'ping',
  token,
  sentPackets: 0,
  misses: false,
  reflexive: null,
});

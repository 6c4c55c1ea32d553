import { type AddressPort, formatAddressPort } from '../ip-address.ts';
import { mappedAddressOf, readStunAddress } from '../stun-address.ts';
import {
  findAttribute,
  readStunMessage,
  StunAttribute,
  type StunAttributeValue,
  type StunMessage,
  StunType,
  stunTransaction,
  TRANSACTION_ID_BYTES,
  writeStunMessage,
} from '../stun-message.ts';
import type { DiscoverySend } from './discovery-types.ts';

/** First retransmission while no round trip is known; and by how much the next ones are later, for narrow links queue. */
const FIRST_RTO_MS = 200;
const BACKOFF = 1.4;
/** Once one is known: so many round trips, and room for a busy machine. */
const RTO_ROUND_TRIPS = 1.5;
const RTO_ROOM_MS = 30;
const LEAST_RTO_MS = 90;
const MAX_REQUESTS = 6;
/** What is long, or is not repeated, is waited for at least this long: at 64 kbit/s, two long requests take 200 ms. */
const PATIENCE_MS = 350;
const LONG_BYTES = 500;

/** What a server said. */
export interface Answer {
  mapped: AddressPort;
  message: StunMessage;
}

/** A request, whatever came of it. */
export interface Inquiry {
  readonly socket: number;
  readonly to: string;
  answer: Answer | null;
  /** Answers that came from elsewhere, or to another socket. */
  readonly strays: { socket: number; from: string }[];
  /** The server would not. */
  refused: boolean;
  /** Answered, refused, or asked often enough. */
  isOver: boolean;
}

interface Asked extends Inquiry {
  readonly datagram: Uint8Array;
  readonly transaction: Uint8Array;
  readonly maxRequests: number;
  requests: number;
  firstSentAtMs: number;
  sendAtMs: number;
}

export interface InquiryOptions {
  attributes?: StunAttributeValue[];
  /** Padded to this length. */
  bytes?: number;
  maxRequests?: number;
}

/** STUN requests from several sockets, repeated until they are answered (RFC 8489, 6.2.1, but quicker). */
export class Inquiries {
  shortestRttMs: number | null = null;
  /** The longest seen of requests that were not repeated (Karn's rule). */
  #longestRttMs: number | null = null;
  /** On a far network all are repeated before the first answer: then it is at most this. */
  #boundMs: number | null = null;
  answers = 0;
  /** A request had to be repeated although its server answers. */
  sawLoss = false;
  readonly #random: (bytes: number) => Uint8Array;
  readonly #all: Asked[] = [];
  #waiting: Asked[] = [];

  constructor(random: (bytes: number) => Uint8Array) {
    this.#random = random;
  }

  ask(socket: number, to: string, nowMs: number, options: InquiryOptions = {}): Inquiry {
    const transaction = stunTransaction(this.#random(TRANSACTION_ID_BYTES));
    const asked: Asked = {
      socket,
      to,
      datagram: writeRequest(transaction, options),
      transaction,
      answer: null,
      strays: [],
      refused: false,
      isOver: false,
      maxRequests: options.maxRequests ?? MAX_REQUESTS,
      requests: 0,
      firstSentAtMs: nowMs,
      sendAtMs: nowMs,
    };
    this.#all.push(asked);
    this.#waiting.push(asked);
    return asked;
  }

  get deadline(): number {
    return this.#waiting.reduce((least, { sendAtMs }) => Math.min(least, sendAtMs), Number.POSITIVE_INFINITY);
  }

  /** Requests that are due, in the order in which they were asked. */
  poll(nowMs: number): DiscoverySend[] {
    const out: DiscoverySend[] = [];
    for (const each of this.#waiting) {
      if (nowMs < each.sendAtMs) continue;
      if (each.requests === each.maxRequests) {
        each.isOver = true;
        continue;
      }
      if (each.requests === 0) each.firstSentAtMs = nowMs;
      each.sendAtMs = nowMs + this.#rtoMs(each);
      each.requests++;
      out.push({ socket: each.socket, to: each.to, datagram: each.datagram });
    }
    this.#waiting = this.#waiting.filter(({ isOver }) => !isOver);
    return out;
  }

  #rtoMs({ requests, maxRequests, datagram }: Asked): number {
    if (this.rttMs === null && datagram.length <= LONG_BYTES) return FIRST_RTO_MS * BACKOFF ** requests;
    const isPatient = maxRequests === 1 || datagram.length > LONG_BYTES;
    const leastMs = isPatient ? PATIENCE_MS : LEAST_RTO_MS;
    return Math.max(leastMs, RTO_ROUND_TRIPS * (this.rttMs ?? 0) + RTO_ROOM_MS) * BACKOFF ** requests;
  }

  handleDatagram(socket: number, from: string, datagram: Uint8Array, nowMs: number): void {
    const message = readStunMessage(datagram);
    if (message === null) return;
    const asked = this.#all.find(({ transaction }) => isSame(transaction, message.transaction));
    if (asked === undefined) return;
    const isAnswer = socket === asked.socket && from === asked.to;
    // A request of our own that came back is a stray, too: through a NAT that hairpins.
    if (!isAnswer) asked.strays.push({ socket, from });
    else if (message.type === StunType.BindingSuccess) this.#take(asked, message, nowMs);
    else if (message.type === StunType.BindingError) {
      asked.refused = true;
      this.#end(asked);
    }
  }

  #take(asked: Asked, message: StunMessage, nowMs: number): void {
    const mapped = mappedAddressOf(message);
    if (asked.answer !== null || mapped === null) return;
    asked.answer = { mapped, message };
    this.answers++;
    this.#measure(nowMs - asked.firstSentAtMs, asked.requests > 1);
    this.#end(asked);
  }

  #measure(rttMs: number, wasRepeated: boolean): void {
    if (!wasRepeated) this.#longestRttMs = Math.max(this.#longestRttMs ?? 0, rttMs);
    else if (this.#longestRttMs === null) this.#boundMs = Math.min(this.#boundMs ?? rttMs, rttMs);
    else this.sawLoss = true;
    this.shortestRttMs = Math.min(this.shortestRttMs ?? rttMs, rttMs);
  }

  /** Round trip to the farther server, as far as it is known. */
  get rttMs(): number | null {
    return this.#longestRttMs ?? this.#boundMs;
  }

  #end(asked: Asked): void {
    asked.isOver = true;
    this.#waiting = this.#waiting.filter((one) => one !== asked);
  }
}

function writeRequest(transaction: Uint8Array, { attributes = [], bytes = 0 }: InquiryOptions): Uint8Array {
  const message = { type: StunType.BindingRequest, transaction, attributes };
  const missing = bytes - writeStunMessage(message).length - 4;
  if (missing <= 0) return writeStunMessage(message);
  const padding = { type: StunAttribute.Padding, value: new Uint8Array((missing + 3) & ~3) };
  return writeStunMessage({ ...message, attributes: [...attributes, padding] });
}

/** Where a server would answer from if it were asked for another port or address (RFC 5780, 7.4). */
export function otherAddressOf(answer: Answer | null): AddressPort | null {
  const value = answer === null ? null : findAttribute(answer.message, StunAttribute.OtherAddress);
  return value === null ? null : readStunAddress(value);
}

export const mappedText = (inquiry: Inquiry): string | null =>
  inquiry.answer === null ? null : formatAddressPort(inquiry.answer.mapped);

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

import { type AddressPort, formatAddressPort } from './ip-address.ts';
import { mappedAddressOf } from './stun-address.ts';
import {
  readStunMessage,
  StunType,
  stunTransaction,
  TRANSACTION_ID_BYTES,
  writeStunMessage,
} from './stun-message.ts';

/** First retransmission, ms, doubling; so many requests to each server. RFC 8489 (6.2.1) asks for 500 ms where nothing is known of the network: a call cannot wait for that, and the requests are few. */
const RETRANSMIT_FIRST_MS = 100;
const MAX_REQUESTS = 5;

interface Waiting {
  server: string;
  transaction: Uint8Array;
  requests: number;
  sendAt: number;
}

/** Asks STUN servers how one socket looks from outside (RFC 8489, 13): its server-reflexive addresses. */
export class BindingQuery {
  readonly #waiting: Waiting[];

  constructor(servers: readonly string[], random: (bytes: number) => Uint8Array, nowMs: number) {
    this.#waiting = servers.map((server) => {
      const transaction = stunTransaction(random(TRANSACTION_ID_BYTES));
      return { server, transaction, requests: 0, sendAt: nowMs };
    });
  }

  /** Everybody has answered, or been asked often enough. */
  get isOver(): boolean {
    return this.#waiting.length === 0;
  }

  get deadline(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#waiting.map(({ sendAt }) => sendAt));
  }

  /** Requests that are due. */
  poll(nowMs: number): { to: string; datagram: Uint8Array }[] {
    const out: { to: string; datagram: Uint8Array }[] = [];
    for (const each of [...this.#waiting]) {
      if (nowMs < each.sendAt) continue;
      if (each.requests === MAX_REQUESTS) {
        this.#forget(each);
        continue;
      }
      each.sendAt = nowMs + RETRANSMIT_FIRST_MS * 2 ** each.requests++;
      const { transaction } = each;
      const message = { type: StunType.BindingRequest, transaction, attributes: [] };
      out.push({ to: each.server, datagram: writeStunMessage(message) });
    }
    return out;
  }

  /** The mapped address, when this is the answer of a server that was asked; else null. */
  handleDatagram(from: string, datagram: Uint8Array): { server: string; mapped: string } | null {
    const message = readStunMessage(datagram);
    if (message?.type !== StunType.BindingSuccess) return null;
    const asked = this.#waiting.find(
      ({ server, transaction }) => server === from && sameBytes(transaction, message.transaction),
    );
    const mapped: AddressPort | null = asked ? mappedAddressOf(message) : null;
    if (!asked || mapped === null) return null;
    this.#forget(asked);
    return { server: asked.server, mapped: formatAddressPort(mapped) };
  }

  #forget(one: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(one), 1);
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

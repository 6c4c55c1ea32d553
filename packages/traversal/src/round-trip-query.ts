import {
  readStunMessage,
  StunType,
  stunTransaction,
  TRANSACTION_ID_BYTES,
  writeStunMessage,
} from './stun-message.ts';

/** When each server is asked, ms after the start: every request has a transaction of its own, so an answer says what it answers. */
const REQUEST_TIMES_MS = [0, 300, 800];
/** Nothing is waited for any longer, ms after the start. */
const PATIENCE_MS = 1500;

interface Asked {
  server: string;
  /** The last 12 bytes of each transaction id as text, and when it was sent. */
  sentAtMs: Map<string, number>;
  requests: number;
}

/** Measures the round trip to STUN servers (RFC 8489 Binding), all at once. */
export class RoundTripQuery {
  readonly #random: (bytes: number) => Uint8Array;
  readonly #startedAtMs: number;
  readonly #waiting: Asked[];

  constructor(servers: readonly string[], random: (bytes: number) => Uint8Array, nowMs: number) {
    this.#random = random;
    this.#startedAtMs = nowMs;
    this.#waiting = servers.map((server) => ({ server, sentAtMs: new Map(), requests: 0 }));
  }

  /** Infinity when everybody has answered. */
  get deadline(): number {
    const ends = this.#waiting.map(
      ({ requests }) => this.#startedAtMs + (REQUEST_TIMES_MS[requests] ?? PATIENCE_MS),
    );
    return Math.min(Number.POSITIVE_INFINITY, ...ends);
  }

  /** Requests that are due. */
  poll(nowMs: number): { to: string; datagram: Uint8Array }[] {
    return this.#waiting.flatMap((asked) => {
      const atMs = REQUEST_TIMES_MS[asked.requests];
      if (atMs === undefined || nowMs < this.#startedAtMs + atMs) return [];
      asked.requests++;
      const transaction = stunTransaction(this.#random(TRANSACTION_ID_BYTES));
      asked.sentAtMs.set(transaction.toString(), nowMs);
      const message = { type: StunType.BindingRequest, transaction, attributes: [] };
      return [{ to: asked.server, datagram: writeStunMessage(message) }];
    });
  }

  /** The round trip when this answers a request; else null. */
  handleDatagram(
    from: string,
    datagram: Uint8Array,
    nowMs: number,
  ): { server: string; rttMs: number } | null {
    const message = readStunMessage(datagram);
    if (message?.type !== StunType.BindingSuccess) return null;
    const id = message.transaction.toString();
    const index = this.#waiting.findIndex(({ server, sentAtMs }) => server === from && sentAtMs.has(id));
    const [asked] = index < 0 ? [] : this.#waiting.splice(index, 1);
    return asked === undefined ? null : { server: from, rttMs: nowMs - asked.sentAtMs.get(id)! };
  }

  /** Those that have not answered in time; each once. */
  takeSilent(nowMs: number): string[] {
    if (nowMs < this.#startedAtMs + PATIENCE_MS) return [];
    return this.#waiting.splice(0).map(({ server }) => server);
  }
}

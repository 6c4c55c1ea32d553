/** First interval, ms, doubling (RFC 6886, 3.1). RFC 6887 (8.1.1) waits 3 s, but a gateway is a millisecond away. */
const FIRST_MS = 250;
/** 250, 500, 1000, 2000 ms: who has not answered by then does not speak the protocol. RFC 6886 would ask for a minute. */
const MAX_REQUESTS = 4;

/** One request to the gateway, sent until it is answered or has been sent often enough. */
export class Retransmission {
  readonly #datagram: Uint8Array;
  #requests = 0;
  /** When it is to be sent again, or given up. */
  deadline: number;

  constructor(datagram: Uint8Array, nowMs: number) {
    this.#datagram = datagram;
    this.deadline = nowMs;
  }

  /** Sent often enough, and nobody has answered. */
  isOver(nowMs: number): boolean {
    return this.#requests === MAX_REQUESTS && nowMs >= this.deadline;
  }

  /** What is to be sent now, if anything. */
  poll(nowMs: number): Uint8Array | null {
    if (nowMs < this.deadline || this.#requests === MAX_REQUESTS) return null;
    this.deadline = nowMs + FIRST_MS * 2 ** this.#requests++;
    return this.#datagram;
  }
}

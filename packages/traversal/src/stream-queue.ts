/**
 * Datagrams over a stream (WebSocket on TCP): what is late is worth nothing, so little may wait. Sockets and the
 * kernel hide seconds of audio in their buffers when the network stalls; a ping every now and then, which the other
 * end answers when it has read what was before it, tells how much is under way. What does not fit waits here, and the
 * oldest is dropped first. Life: `offer` and `handlePong`, each followed by `poll` until the connection is closed.
 */

/** Datagrams that wait: 0.3 s of audio. */
const MAX_WAITING = 16;
/** Bytes in the socket of this process above which nothing is added to them: the kernel takes no more. */
const MAX_BACKLOG_BYTES = 2048;
/** Time between pings while something is sent, ms. */
const PING_INTERVAL_MS = 100;
/** An answer that is late by so much, in least round trips and ms, tells of a stall. */
const LATE_ROUND_TRIPS = 2;
const LATE_MS = 300;
/** Assumed before the first answer, ms. */
const UNKNOWN_RTT_MS = 500;
/** Without an answer for so long the connection is dead, although TCP does not say so, ms. */
const DEAD_MS = 10_000;

export type StreamOutput = { type: 'datagram'; datagram: Uint8Array } | { type: 'ping'; id: number };

export class StreamQueue {
  /** Datagrams that were too late to be sent. */
  dropped = 0;
  readonly #waiting: Uint8Array[] = [];
  /** Pings without an answer, oldest first. */
  readonly #pings: { id: number; sentAtMs: number }[] = [];
  #lastPingAtMs = Number.NEGATIVE_INFINITY;
  #nextId = 1;
  #leastRttMs: number | null = null;

  get waiting(): number {
    return this.#waiting.length;
  }

  offer(datagram: Uint8Array): void {
    this.#waiting.push(datagram);
    if (this.#waiting.length <= MAX_WAITING) return;
    this.#waiting.shift();
    this.dropped++;
  }

  /** The other end has read everything up to this ping. */
  handlePong(id: number, nowMs: number): void {
    const at = this.#pings.findIndex((ping) => ping.id === id);
    if (at < 0) return;
    const [answered] = this.#pings.splice(0, at + 1).slice(-1);
    const rttMs = nowMs - answered!.sentAtMs;
    this.#leastRttMs = Math.min(this.#leastRttMs ?? rttMs, rttMs);
  }

  /** Round trip of the connection without queues, ms; null before the first answer. */
  get leastRttMs(): number | null {
    return this.#leastRttMs;
  }

  /** What to write now. `backlogBytes` wait in the socket. */
  poll(backlogBytes: number, nowMs: number): StreamOutput[] {
    if (backlogBytes > MAX_BACKLOG_BYTES || this.#isStalled(nowMs)) return [];
    const outputs: StreamOutput[] = this.#waiting
      .splice(0)
      .map((datagram) => ({ type: 'datagram', datagram }));
    if (outputs.length > 0 && nowMs >= this.#lastPingAtMs + PING_INTERVAL_MS) {
      this.#lastPingAtMs = nowMs;
      const id = this.#nextId;
      this.#nextId = (this.#nextId + 1) >>> 0;
      this.#pings.push({ id, sentAtMs: nowMs });
      outputs.push({ type: 'ping', id });
    }
    return outputs;
  }

  #isStalled(nowMs: number): boolean {
    const limitMs = LATE_MS + LATE_ROUND_TRIPS * (this.#leastRttMs ?? UNKNOWN_RTT_MS);
    return this.#unansweredMs(nowMs) > limitMs;
  }

  /** Nothing more will come of it. */
  isDead(nowMs: number): boolean {
    return this.#unansweredMs(nowMs) > DEAD_MS;
  }

  #unansweredMs(nowMs: number): number {
    const [oldest] = this.#pings;
    return oldest === undefined ? 0 : nowMs - oldest.sentAtMs;
  }
}

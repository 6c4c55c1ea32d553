import { FRAME_MS } from './frame-ms.ts';

/**
 * Reception statistics of one direction, from authenticated packets: RFC 3550, A.3 (loss) and A.8 (jitter), with
 * the 64-bit packet counter in the place of the sequence number.
 */
export class Reception {
  receivedPackets = 0;
  #first = -1;
  #highest = -1;
  #jitterMs = 0;
  #lastAudio: { frameLow: number; arrivedAt: number } | null = null;
  #marked = { expected: 0, received: 0 };

  /** `frameLow` is the truncated frame number of audio (20 ms units); null for packets that carry none. */
  handlePacket(counter: number, frameLow: number | null, nowMs: number): void {
    this.#first = this.#first < 0 ? counter : Math.min(this.#first, counter);
    this.#highest = Math.max(this.#highest, counter);
    this.receivedPackets++;
    if (frameLow === null) return;
    if (this.#lastAudio !== null) {
      const spacingMs = (((frameLow - this.#lastAudio.frameLow) << 16) >> 16) * FRAME_MS;
      const differenceMs = nowMs - this.#lastAudio.arrivedAt - spacingMs;
      this.#jitterMs += (Math.abs(differenceMs) - this.#jitterMs) / 16;
    }
    this.#lastAudio = { frameLow, arrivedAt: nowMs };
  }

  get #expected(): number {
    return this.#first < 0 ? 0 : this.#highest - this.#first + 1;
  }

  get lostPackets(): number {
    return Math.max(0, this.#expected - this.receivedPackets);
  }

  get jitterMs(): number {
    return this.#jitterMs;
  }

  /** Share of packets lost since the last call, percent. */
  takeLossPct(): number {
    const expected = this.#expected - this.#marked.expected;
    const received = this.receivedPackets - this.#marked.received;
    this.#marked = { expected: this.#expected, received: this.receivedPackets };
    return expected <= 0 ? 0 : Math.max(0, (100 * (expected - received)) / expected);
  }
}

import { setImmediate as turn } from 'node:timers/promises';
import { destinationOf, PAYLOAD, udpFrame } from './frames.ts';
import { PacketPort, SendRing } from './packet-port.ts';
import type { Direction, Exchange } from './relay-under-test.ts';

/** At the end of each payload: when it was sent, and in which window (two 64-bit numbers). */
const SENT_AT = 16;
const WINDOW = 8;
/** What one system call sends at most: more at once would be a burst that no network brings. */
const MAX_BATCH = 16;
const ANSWER_TIMEOUT_MS = 1000;
/** A busy machine lets a relay wait for seconds. */
const ATTEMPTS = 20;
const DRAIN_MS = 50;

/** What became of the packets of some time. */
export interface WindowResult {
  sent: number;
  received: number;
  /** Frames that arrived and the generator did not read in time. */
  unread: number;
  /** How late each was sent, ms, in order of size: the generator's own delay, which makes bursts. */
  latesMs: Float64Array;
  /** From sending to arrival of each, ms, in order of size. */
  delaysMs: Float64Array;
  /** When the slow ones were sent and arrived, on the clock of `performance.now()`, ms. */
  slow: [number, number][];
}

/** Sends packets of many flows at a rate through a relay, and measures when they come out. */
export class Generator {
  readonly #port: PacketPort;
  readonly #mac: string;
  #windows = 0;

  constructor(interfaceIndex: number, mac: string) {
    this.#port = new PacketPort(interfaceIndex);
    this.#mac = mac;
  }

  readonly exchange: Exchange = async (from, to, payload, read) => {
    const ring = new SendRing([udpFrame(this.#mac, from, to, payload)]);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      this.#port.send(ring, 0, 1);
      const answer = await this.#answerTo(`${from.address}:${from.port}`, read);
      if (answer !== null) return answer;
    }
    throw new Error(`no answer from ${to.address}:${to.port}`);
  };

  async #answerTo<T>(wanted: string, read: (answer: Uint8Array) => T | null): Promise<T | null> {
    let answer: T | null = null;
    const giveUpMs = performance.now() + ANSWER_TIMEOUT_MS;
    while (answer === null && performance.now() < giveUpMs) {
      const count = this.#port.receive((view, at, length) => {
        if (answer !== null || destinationOf(view, at) !== wanted) return;
        const payload = new Uint8Array(view.buffer, view.byteOffset + at + PAYLOAD, length - PAYLOAD);
        answer = read(payload.slice());
      });
      if (count === 0) await turn();
    }
    return answer;
  }

  ringOf(directions: readonly Direction[]): SendRing {
    return new SendRing(directions.map(({ from, to, payload }) => udpFrame(this.#mac, from, to, payload)));
  }

  /** @throws unless each direction comes out where it should */
  async check(directions: readonly Direction[]): Promise<void> {
    for (const { from, to, payload, out } of directions) {
      this.#port.send(new SendRing([udpFrame(this.#mac, from, to, payload)]), 0, 1);
      if ((await this.#answerTo(out, () => true)) === null) throw new Error(`nothing comes out at ${out}`);
    }
  }

  /**
   * Sends for some time, never resting.
   * @param slowFromMs a packet that took as long is one of the slow ones
   */
  run(
    ring: SendRing,
    perSecond: number,
    seconds: number,
    slowFromMs = Number.POSITIVE_INFINITY,
  ): WindowResult {
    const port = this.#port;
    const window = ++this.#windows;
    const total = Math.round(perSecond * seconds);
    const delaysMs = new Float64Array(total);
    const latesMs = new Float64Array(total);
    const slow: [number, number][] = [];
    let received = 0;
    const take = (view: DataView, at: number, length: number, arrivedAtMs: number) => {
      const end = at + length;
      if (length < PAYLOAD + SENT_AT || view.getFloat64(end - WINDOW, true) !== window) return;
      const sentAtMs = view.getFloat64(end - SENT_AT, true);
      if (received < total) delaysMs[received] = arrivedAtMs - sentAtMs;
      if (arrivedAtMs - sentAtMs >= slowFromMs) slow.push([sentAtMs, arrivedAtMs]);
      received++;
    };
    for (let i = 0; i < ring.count; i++) ring.stamp(i, WINDOW, window);
    while (port.receive(() => {}) > 0);
    port.drops();
    port.synchronize();
    let [sent, at] = [0, 0];
    let syncAtMs = performance.now() + 100;
    const startMs = performance.now();
    while (sent < total) {
      const nowMs = performance.now();
      const due = Math.min(total, Math.ceil(((nowMs - startMs) * perSecond) / 1000)) - sent;
      if (due > 0) {
        const count = Math.min(due, MAX_BATCH, ring.count - at);
        for (let i = at; i < at + count; i++) ring.stamp(i, SENT_AT, nowMs);
        const taken = port.send(ring, at, count);
        if (taken > 0) {
          for (let i = sent; i < sent + taken; i++) latesMs[i] = nowMs - startMs - (1000 * i) / perSecond;
          sent += taken;
          at = (at + taken) % ring.count;
        }
      }
      port.receive(take);
      if (nowMs > syncAtMs) {
        port.synchronize();
        syncAtMs = nowMs + 100;
      }
    }
    const endMs = performance.now() + DRAIN_MS;
    while (performance.now() < endMs) port.receive(take);
    const known = delaysMs.subarray(0, Math.min(received, total));
    return { sent, received, unread: port.drops(), latesMs, delaysMs: known, slow };
  }
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type StreamOutput, StreamQueue } from './stream-queue.ts';

const FRAME_MS = 20;
const frame = (number: number) => new Uint8Array([number >> 8, number & 0xff]);
const numberOf = (datagram: Uint8Array) => (datagram[0]! << 8) | datagram[1]!;

/** A queue in front of a network that delivers after `delayMs`, and not at all between `stall[0]` and `stall[1]`. */
class StreamPlay {
  nowMs = 0;
  readonly queue = new StreamQueue();
  readonly arrived: { frame: number; atMs: number; sentAtMs: number }[] = [];
  readonly #delayMs: number;
  readonly #stall: readonly [number, number];
  readonly #events: { atMs: number; act: () => void }[] = [];

  constructor(delayMs: number, stall: readonly [number, number] = [0, 0]) {
    this.#delayMs = delayMs;
    this.#stall = stall;
  }

  /** TCP delivers in order: what was sent during the stall comes when it is over. */
  #deliver(act: () => void): void {
    const [from, to] = this.#stall;
    const atMs = this.nowMs + this.#delayMs;
    this.#events.push({ atMs: atMs >= from && atMs < to ? to : atMs, act });
  }

  #write(outputs: StreamOutput[]): void {
    for (const output of outputs)
      this.#deliver(() => {
        if (output.type === 'datagram') {
          const number = numberOf(output.datagram);
          this.arrived.push({ frame: number, atMs: this.nowMs, sentAtMs: number * FRAME_MS });
        } else this.#deliver(() => this.#answered(output.id));
      });
  }

  #answered(id: number): void {
    this.queue.handlePong(id, this.nowMs);
    this.#write(this.queue.poll(0, this.nowMs));
  }

  run(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs += 5) {
      for (const due of this.#events.filter(({ atMs }) => atMs <= this.nowMs)) {
        this.#events.splice(this.#events.indexOf(due), 1);
        due.act();
      }
      if (this.nowMs % FRAME_MS !== 0) continue;
      this.queue.offer(frame(this.nowMs / FRAME_MS));
      this.#write(this.queue.poll(0, this.nowMs));
    }
  }
}

describe('datagrams over a stream', () => {
  it.each([5, 50, 300])('pass at once while the network carries them, %i ms one way', (delayMs) => {
    const play = new StreamPlay(delayMs);
    play.run(5000);
    const delays = play.arrived.map(({ atMs, sentAtMs }) => atMs - sentAtMs);
    expect(Math.max(...delays)).toBe(delayMs);
    expect(play.queue.dropped).toBe(0);
  });

  it('are fresh when a stall of 3 s is over: what waited too long was dropped, the oldest first', () => {
    const play = new StreamPlay(20, [2000, 5000]);
    play.run(8000);
    const afterStall = play.arrived.filter(({ atMs }) => atMs >= 5000);
    // What was under way when the stall showed arrives late; TCP cannot take it back.
    const late = afterStall.filter(({ atMs, sentAtMs }) => atMs - sentAtMs > 500);
    expect(late.length).toBeLessThanOrEqual(25);
    expect(play.queue.dropped).toBeGreaterThan(90);
    const frames = play.arrived.map((each) => each.frame);
    expect(frames).toEqual([...frames].sort((a, b) => a - b));
    expect(afterStall.some(({ sentAtMs }) => sentAtMs > 4600 && sentAtMs < 5000)).toBe(true);
    expect(play.arrived.at(-1)!.atMs - play.arrived.at(-1)!.sentAtMs).toBe(20);
  });

  it('wait while the socket holds bytes that the kernel does not take', () => {
    const queue = new StreamQueue();
    queue.offer(frame(1));
    expect(queue.poll(3000, 0)).toEqual([]);
    expect(queue.poll(100, 20)[0]).toEqual({ type: 'datagram', datagram: frame(1) });
  });

  it('never hold more than 16, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(400), fc.nat(5000), fc.nat(9)), { maxLength: 200 }), (steps) => {
        const queue = new StreamQueue();
        let nowMs = 0;
        let inside = 0;
        for (const [waitMs, backlog, pong] of steps) {
          nowMs += waitMs;
          const before = queue.dropped;
          queue.offer(frame(1));
          inside += 1 - (queue.dropped - before);
          if (pong > 5) queue.handlePong(pong, nowMs);
          inside -= queue.poll(backlog, nowMs).filter(({ type }) => type === 'datagram').length;
          expect(inside).toBeLessThanOrEqual(16);
        }
      }),
    );
  });

  it('are given up when the other end has not answered for 10 s', () => {
    const play = new StreamPlay(20, [1000, 60_000]);
    play.run(10_000);
    expect(play.queue.isDead(play.nowMs)).toBe(false);
    play.run(2000);
    expect(play.queue.isDead(play.nowMs)).toBe(true);
  });
});

import { createHmac } from 'node:crypto';
import { nodeCrypto } from '@overcall/net';
import { DatagramType, readBindRequest, writeBindAck, writeBindChallenge } from '@overcall/wire';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { MediaSession } from './media-session.ts';
import { keys } from './relayed-pair.test-support.ts';

const RELAY = '203.0.113.9:3478';
const BIND_KEY = new Uint8Array(32).fill(7);
const GRANT = {
  a: { route: 1, sendFlow: 2, socket: 0, relayAddress: RELAY, bindKey: BIND_KEY, via: ['supernode'] },
  b: { route: 2, sendFlow: 1, socket: 0, relayAddress: RELAY, bindKey: BIND_KEY, via: ['supernode'] },
};
const COOKIE = new Uint8Array(16).fill(9);
const mac = (bytes: Uint8Array) => createHmac('sha256', BIND_KEY).update(bytes).digest();

type Heard = { frameLow: number; opus: number[] };

/** Two sessions and a relay on a virtual clock; `onWire` may do to datagrams what a hostile relay could. */
class MediaPair {
  nowMs = 1000;
  readonly a = new MediaSession({
    legId: 1,
    crypto: nodeCrypto,
    keys: keys(10, 20),
    directFlow: 3,
    mayCheck: () => true,
    nowMs: 1000,
  });
  readonly b = new MediaSession({
    legId: 1,
    crypto: nodeCrypto,
    keys: keys(20, 10),
    directFlow: 4,
    mayCheck: () => true,
    nowMs: 1000,
  });
  readonly heard = { a: [] as Heard[], b: [] as Heard[] };
  readonly ended = { a: [] as string[], b: [] as string[] };
  readonly overdue = { a: [] as number[], b: [] as number[] };
  onWire: (datagram: Uint8Array, to: 'a' | 'b') => Uint8Array[] = (datagram) => [datagram];
  relayAlive = true;
  delayMs = 25;
  readonly #queue: { at: number; to: 'a' | 'b'; datagram: Uint8Array }[] = [];

  bind(): void {
    for (const side of ['a', 'b'] as const) this[side].useRelay(GRANT[side], this.nowMs);
    this.run(200);
  }

  talk(): void {
    this.a.startTalking(this.nowMs);
    this.b.startTalking(this.nowMs);
  }

  #drain(side: 'a' | 'b'): void {
    for (const output of this[side].poll()) {
      if (output.type === 'send') this.#relay(side, output.datagram);
      if (output.type === 'audio')
        this.heard[side].push({ frameLow: output.frameLow, opus: [...output.opus] });
      if (output.type === 'ended') this.ended[side].push(output.reason);
      if (output.type === 'overdue') this.overdue[side].push(this.nowMs);
    }
  }

  /** Answers bind requests like a relay, passes everything else on. */
  #relay(from: 'a' | 'b', datagram: Uint8Array): void {
    if (!this.relayAlive) return;
    const request = readBindRequest(datagram);
    const to = request ? from : from === 'a' ? 'b' : 'a';
    const out = request ? [this.#bindAnswer(request)] : this.onWire(datagram, to as 'a' | 'b');
    for (const each of out)
      this.#queue.push({ at: this.nowMs + this.delayMs, to: to as 'a' | 'b', datagram: each });
  }

  #bindAnswer(request: NonNullable<ReturnType<typeof readBindRequest>>): Uint8Array {
    const { flowId, sequence } = request;
    if (request.cookie[0] !== COOKIE[0])
      return writeBindChallenge({ flowId, echo: sequence, cookie: COOKIE });
    return writeBindAck({ flowId, sequence }, mac);
  }

  /** Lets time pass, 5 ms at a time; `everyFrame` runs each 20 ms. */
  run(ms: number, everyFrame?: (frame: number) => void): void {
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs += 5) {
      if (everyFrame && this.nowMs % 20 === 0) everyFrame(this.nowMs / 20);
      for (const side of ['a', 'b'] as const) {
        const due = this.#queue.filter((entry) => entry.to === side && entry.at <= this.nowMs);
        for (const entry of due) {
          this.#queue.splice(this.#queue.indexOf(entry), 1);
          this[side].handleDatagram(0, RELAY, entry.datagram, this.nowMs);
        }
        if (this.nowMs >= this[side].deadline) this[side].handleTimeout(this.nowMs);
        this.#drain(side);
      }
    }
  }

  /** Audio of frame n: 60 bytes that name it. */
  static opus(frame: number): Uint8Array {
    return new Uint8Array(60).fill(frame & 0xff);
  }

  say(frame: number): void {
    this.a.sendAudio(frame, MediaPair.opus(frame), this.nowMs);
    this.#drain('a');
  }
}

let pair: MediaPair;
beforeEach(() => {
  pair = new MediaPair();
});

describe('a leg', () => {
  it('binds with one challenge, measures the round trip and carries audio both ways', () => {
    pair.bind();
    expect([pair.a.isBound, pair.b.isBound]).toEqual([true, true]);
    pair.talk();
    pair.run(2000, (frame) => pair.say(frame));
    expect(pair.heard.b.length).toBeGreaterThan(95);
    expect(pair.a.stats().rttMs).toBeGreaterThanOrEqual(50);
    expect(pair.a.stats().rttMs).toBeLessThanOrEqual(60);
    expect(pair.b.stats().lostPackets).toBe(0);
  });

  it('sends media of 86 bytes, whatever it carries', () => {
    const sizes = new Set<number>();
    pair.onWire = (datagram) => {
      if (datagram[0] === DatagramType.Media) sizes.add(datagram.length);
      return [datagram];
    };
    pair.bind();
    pair.talk();
    pair.run(3000, (frame) => pair.say(frame));
    pair.a.close(true, pair.nowMs);
    pair.run(100);
    expect([...sizes]).toEqual([7 + 3 + 60 + 16]);
  });

  it('holds audio back until the call is accepted, and never sends any before', () => {
    pair.bind();
    pair.a.startTalking(pair.nowMs);
    pair.b.sendAudio(1, MediaPair.opus(1), pair.nowMs);
    pair.run(200, (frame) => pair.say(frame));
    expect(pair.heard.b).toEqual([]);
    expect(pair.heard.a).toEqual([]);
    pair.b.startTalking(pair.nowMs);
    pair.run(100);
    expect(pair.heard.b.length).toBeGreaterThan(5);
  });

  it('says that the accept is overdue when audio has come for half a second, and plays nothing by itself', () => {
    pair.bind();
    pair.a.startTalking(pair.nowMs);
    const fromMs = pair.nowMs;
    pair.run(500, (frame) => pair.say(frame));
    expect(pair.overdue).toEqual({ a: [], b: [] });
    pair.run(200, (frame) => pair.say(frame));
    expect(pair.overdue.b[0]).toBeGreaterThan(fromMs + 500);
    expect(pair.overdue.a).toEqual([]);
    expect(pair.heard.b).toEqual([]);
  });

  it('ends with failed after 8 s of silence and not before', () => {
    pair.bind();
    pair.talk();
    pair.run(1000, (frame) => pair.say(frame));
    pair.relayAlive = false;
    pair.run(7900);
    expect(pair.ended.b).toEqual([]);
    pair.run(300);
    expect(pair.ended.b[0]).toBe('failed');
  });

  it('goes on after an hour of sleep if the peer is still there, and ends soon if it is not', () => {
    pair.bind();
    pair.talk();
    pair.run(1000, (frame) => pair.say(frame));
    pair.nowMs += 3_600_000;
    pair.run(3000, (frame) => pair.say(frame));
    expect(pair.ended).toEqual({ a: [], b: [] });
    expect(pair.heard.b.length).toBeGreaterThan(150);
    pair.relayAlive = false;
    pair.run(100);
    pair.nowMs += 3_600_000;
    pair.run(2900);
    expect(pair.ended.b).toEqual([]);
    pair.run(300);
    expect(pair.ended.b).toEqual(['failed']);
  });

  it('proves the binding again when it hears nothing, and goes on when the relay is back', () => {
    pair.bind();
    pair.talk();
    pair.relayAlive = false;
    pair.run(3000);
    pair.relayAlive = true;
    const before = pair.heard.b.length;
    pair.run(3000, (frame) => pair.say(frame));
    expect(pair.heard.b.length).toBeGreaterThan(before + 20);
    expect(pair.ended.b).toEqual([]);
  });

  it('notices that the peer died while it rang', () => {
    pair.bind();
    pair.run(3000);
    expect([...pair.ended.a, ...pair.ended.b]).toEqual([]);
    pair.relayAlive = false;
    pair.run(8500);
    expect([pair.ended.a[0], pair.ended.b[0]]).toEqual(['failed', 'failed']);
  });

  it('gives up when the peer is never heard', () => {
    pair.relayAlive = false;
    pair.bind();
    pair.run(14_000);
    expect(pair.ended.a).toEqual([]);
    pair.run(1500);
    expect(pair.ended.a).toEqual(['failed']);
  });

  it('goes on with the same sequence when the relay is opened again with the same key', () => {
    pair.bind();
    const sequences: bigint[] = [];
    pair.a.useRelay(GRANT.a, pair.nowMs);
    for (const output of pair.a.poll()) {
      if (output.type === 'send') sequences.push(readBindRequest(output.datagram)!.sequence);
    }
    expect(sequences[0]).toBeGreaterThan(2n);
  });

  it('tells the peer of a hang-up on the media path, three times', () => {
    pair.bind();
    pair.talk();
    pair.a.close(true, pair.nowMs);
    pair.run(200);
    expect(pair.a.isOver).toBe(true);
    expect(pair.ended.b).toEqual(['remote-hangup', 'remote-hangup', 'remote-hangup']);
  });
});

describe('a hostile relay', () => {
  it('that alters, repeats, reorders, reflects, drops or invents packets achieves nothing but loss', () => {
    const deed = fc.constantFrom(
      'pass',
      'pass',
      'pass',
      'drop',
      'alter',
      'repeat',
      'hold',
      'invent',
      'reflect',
      'truncate',
    );
    fc.assert(
      fc.property(fc.array(deed, { minLength: 60, maxLength: 200 }), fc.integer(), (deeds, seed) => {
        const hostile = new MediaPair();
        hostile.bind();
        const said = new Set<string>();
        const held: Uint8Array[] = [];
        let n = 0;
        hostile.onWire = (datagram, to) => {
          const what = deeds[n++ % deeds.length];
          const altered = datagram.slice();
          altered[Math.abs(seed + n) % altered.length]! ^= 1 << (n % 8);
          if (what === 'drop') return [];
          if (what === 'alter') return [altered];
          if (what === 'repeat') return [datagram, datagram];
          if (what === 'truncate') return [datagram.subarray(0, n % datagram.length)];
          if (what === 'invent') return [datagram, nodeCrypto.randomBytes(86)];
          if (what === 'hold') {
            held.push(datagram);
            return held.length > 3 ? held.splice(0, 2).reverse() : [];
          }
          if (what === 'reflect') {
            hostile[to === 'a' ? 'b' : 'a'].handleDatagram(0, RELAY, datagram, hostile.nowMs);
            return [datagram];
          }
          return [datagram];
        };
        hostile.talk();
        hostile.run(3000, (frame) => {
          said.add(JSON.stringify({ frameLow: frame & 0xffff, opus: [...MediaPair.opus(frame)] }));
          hostile.say(frame);
        });
        const heard = hostile.heard.b.map((each) => JSON.stringify(each));
        expect(new Set(heard).size).toBe(heard.length);
        for (const each of heard) expect(said.has(each)).toBe(true);
        expect(hostile.heard.a).toEqual([]);
        expect([...hostile.ended.a, ...hostile.ended.b]).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('cannot bind for us with forged challenges or acks', () => {
    const { a } = pair;
    a.useRelay(GRANT.a, 0);
    a.poll();
    const forged = writeBindAck({ flowId: 2, sequence: 1n }, () => new Uint8Array(32));
    a.handleDatagram(0, RELAY, forged, 10);
    expect(a.isBound).toBe(false);
    // One request, many challenges: the answers are few.
    for (let i = 0; i < 100; i++) {
      a.handleDatagram(0, RELAY, writeBindChallenge({ flowId: 2, echo: 0n, cookie: COOKIE }), 10);
    }
    expect(a.poll().length).toBeLessThanOrEqual(4);
    a.handleDatagram(0, '198.51.100.1:9', writeBindAck({ flowId: 2, sequence: 1n }, mac), 10);
    expect(a.isBound).toBe(false);
  });
});

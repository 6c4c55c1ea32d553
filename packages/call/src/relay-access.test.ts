import { createHmac } from 'node:crypto';
import { readBindRequest, writeBindAck, writeBindChallenge } from '@overcall/wire';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { RelayAccess, type RelayTransport } from './relay-access.ts';

const BIND_KEY = new Uint8Array(32).fill(7);
const FLOW = 9;
const RTT_MS = 40;
/** TCP, TLS and the upgrade take a round trip each. */
const STREAM_OPENS_MS = 3 * RTT_MS;
const mac = (bytes: Uint8Array) => createHmac('sha256', BIND_KEY).update(bytes).digest();
const cookieOf = (way: string) => new Uint8Array(16).fill(way.length);

/** A relay that is reached over UDP and over a stream, each of which may be cut, and one side's access to it. */
class AccessPlay {
  nowMs = 0;
  readonly access: RelayAccess;
  readonly #rttMs: number;
  /** What gets through, towards the relay and back. */
  readonly up: Record<RelayTransport, boolean> = { udp: true, tcp: true };
  readonly down: Record<RelayTransport, boolean> = { udp: true, tcp: true };
  /** Where the relay sends to. */
  boundTo: RelayTransport | null = null;
  readonly requests: { transport: RelayTransport; atMs: number }[] = [];
  readonly changes: { active: RelayTransport | null; atMs: number }[] = [];
  streamsOpened = 0;
  /** Whether a datagram over UDP is lost on its way. */
  loses: () => boolean = () => false;
  #lastSequence = -1n;
  #stream: 'closed' | 'opening' | 'open' = 'closed';
  readonly #queue: { atMs: number; act: () => void }[] = [];

  constructor(rttMs = RTT_MS) {
    this.#rttMs = rttMs;
    this.access = new RelayAccess({ flowId: FLOW, bindKey: BIND_KEY, rttMs });
  }

  begin(): this {
    this.access.start(0);
    return this;
  }

  cut(transport: RelayTransport): void {
    this.up[transport] = this.down[transport] = false;
  }

  join(transport: RelayTransport): void {
    this.up[transport] = this.down[transport] = true;
  }

  #later(ms: number, act: () => void): void {
    this.#queue.push({ atMs: this.nowMs + ms, act });
  }

  #relay(transport: RelayTransport, datagram: Uint8Array): void {
    const { flowId, sequence, cookie } = readBindRequest(datagram)!;
    const isProven = cookie[0] === cookieOf(transport === 'udp' ? 'u' : 'tt')[0];
    if (isProven && sequence < this.#lastSequence) return;
    if (isProven) {
      this.#lastSequence = sequence;
      this.boundTo = transport;
    }
    const answer = isProven
      ? writeBindAck({ flowId, sequence }, mac)
      : writeBindChallenge({ flowId, echo: sequence, cookie: cookieOf(transport === 'udp' ? 'u' : 'tt') });
    this.#later(this.#rttMs / 2, () => {
      if (transport === 'udp' && this.loses()) return;
      if (this.down[transport]) this.access.handleDatagram(transport, answer, this.nowMs);
    });
  }

  #drain(): void {
    for (const { transport, datagram } of this.access.poll()) {
      this.requests.push({ transport, atMs: this.nowMs });
      if (transport === 'udp' && this.loses()) continue;
      const passes = this.up[transport] && (transport === 'udp' || this.#stream === 'open');
      if (passes) this.#later(this.#rttMs / 2, () => this.#relay(transport, datagram));
    }
    if (this.access.takeNewStream() || (!this.access.wantsStream && this.#stream !== 'closed')) {
      const wasOpen = this.#stream === 'open';
      this.#stream = 'closed';
      if (wasOpen) this.access.handleStream(false, this.nowMs);
    }
    if (this.access.wantsStream && this.#stream === 'closed' && this.up.tcp) this.#openStream();
    if (this.changes.at(-1)?.active !== this.access.active)
      this.changes.push({ active: this.access.active, atMs: this.nowMs });
  }

  #openStream(): void {
    this.#stream = 'opening';
    this.streamsOpened++;
    this.#later(STREAM_OPENS_MS, () => {
      if (this.#stream !== 'opening') return;
      this.#stream = this.up.tcp ? 'open' : 'closed';
      if (this.#stream === 'open') this.access.handleStream(true, this.nowMs);
    });
  }

  run(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs += 5) {
      for (const due of this.#queue.filter(({ atMs }) => atMs <= this.nowMs)) {
        this.#queue.splice(this.#queue.indexOf(due), 1);
        due.act();
      }
      if (this.nowMs >= this.access.deadline) this.access.handleTimeout(this.nowMs);
      this.#drain();
    }
  }

  /** A session suspects what does not answer. */
  settle(): void {
    for (let i = 0; i < 10; i++) {
      if (this.access.active !== this.boundTo || !this.up[this.access.active ?? 'udp'])
        this.access.suspect(this.nowMs);
      this.run(1100);
    }
    // An ack may be on its way.
    if (this.access.active !== this.boundTo) this.run(RTT_MS);
  }

  changesSince(atMs: number): { active: RelayTransport | null; afterMs: number }[] {
    return this.changes
      .filter((change) => change.atMs >= atMs)
      .map((change) => ({ active: change.active, afterMs: change.atMs - atMs }));
  }
}

let play: AccessPlay;
beforeEach(() => {
  play = new AccessPlay().begin();
});

describe('the way to a relay', () => {
  it('is UDP where that works: the stream is opened beside it, never bound, and closed', () => {
    play.run(1900);
    expect(play.access.active).toBe('udp');
    expect(play.requests.filter(({ transport }) => transport === 'tcp')).toEqual([]);
    expect(play.access.wantsStream).toBe(true);
    play.run(600);
    expect(play.access.wantsStream).toBe(false);
    play.run(600_000);
    expect(play.streamsOpened).toBe(1);
    expect(play.requests).toHaveLength(2);
  });

  it('is the stream after three and a half round trips and 100 ms where UDP is blocked', () => {
    play.cut('udp');
    play.run(400);
    expect(play.changesSince(0).at(-1)).toMatchObject({ active: 'tcp' });
    expect(play.changesSince(0).at(-1)!.afterMs).toBeLessThanOrEqual(100 + 1.5 * RTT_MS + 2 * RTT_MS + 15);
  });

  it('asks UDP ever more rarely while there is none', () => {
    play.cut('udp');
    play.run(600_000);
    const asked = play.requests.filter(({ transport, atMs }) => transport === 'udp' && atMs > 60_000);
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.length).toBeLessThan(40);
    expect(play.boundTo).toBe('tcp');
  });

  it('is UDP again when that appears, and the stream goes', () => {
    play.cut('udp');
    play.run(20_000);
    play.join('udp');
    play.run(20_000);
    expect([play.access.active, play.boundTo, play.access.wantsStream]).toEqual(['udp', 'udp', false]);
  });

  it('is UDP at once when the network changes to one that has it', () => {
    play.cut('udp');
    play.run(100_000);
    play.join('udp');
    const atMs = play.nowMs;
    play.access.handleNetworkChange(atMs);
    play.run(200);
    expect(play.changesSince(atMs)).toEqual([{ active: 'udp', afterMs: expect.closeTo(80, -1) }]);
  });

  it('is the stream a quarter of a second after UDP was suspected with good reason', () => {
    play.run(60_000);
    play.cut('udp');
    const atMs = play.nowMs;
    play.access.suspect(atMs);
    play.run(1000);
    const [change] = play.changesSince(atMs);
    expect(change!.active).toBe('tcp');
    // UDP's patience, the stream's round trips, a challenge and an ack.
    expect(change!.afterMs).toBeLessThanOrEqual(40 + 1.5 * RTT_MS + STREAM_OPENS_MS + 2 * RTT_MS + 15);
  });

  it('stays UDP when the suspicion was wrong, however often it comes', () => {
    play.run(10_000);
    for (let i = 0; i < 100; i++) {
      play.access.suspect(play.nowMs);
      play.run(50);
    }
    expect(play.changesSince(5000)).toEqual([]);
    expect(play.requests.length).toBeLessThan(2 + 21);
  });

  it('is UDP nearly always where one datagram of five is lost, and soon again where not', () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    let overtaken = 0;
    let longestMs = 0;
    for (let i = 0; i < 300; i++) {
      const lossy = new AccessPlay(200);
      lossy.loses = () => random() < 0.2;
      lossy.begin().run(4000);
      const tcp = lossy.changes.find(({ active }) => active === 'tcp');
      if (tcp === undefined) continue;
      overtaken++;
      const back = lossy.changes.find(({ active, atMs }) => active === 'udp' && atMs > tcp.atMs);
      longestMs = Math.max(longestMs, (back?.atMs ?? 4000) - tcp.atMs);
    }
    expect(overtaken).toBeLessThan(0.06 * 300);
    expect(longestMs).toBeLessThan(2500);
  });

  it('stays UDP while the peer answers over it, whatever the relay says', () => {
    play.run(10_000);
    const atMs = play.nowMs;
    play.loses = () => true;
    for (let i = 0; i < 100; i++) {
      play.access.suspect(play.nowMs);
      play.run(50);
      play.access.noteAnswered(play.nowMs - 50, play.nowMs);
    }
    expect(play.changesSince(atMs)).toEqual([]);
    play.run(1000);
    expect(play.access.wantsStream).toBe(false);
    // An answer to what was asked before says nothing of now.
    play.access.suspect(play.nowMs);
    play.access.noteAnswered(play.nowMs - 1, play.nowMs);
    play.run(1000);
    expect(play.access.active).toBe('tcp');
  });

  it('is not taken back by UDP that goes out and does not come in', () => {
    play.run(10_000);
    play.down.udp = false;
    play.access.suspect(play.nowMs);
    play.run(2000);
    expect(play.boundTo).toBe('tcp');
    for (let i = 0; i < 60_000; i += 20) {
      play.run(20);
      expect(play.boundTo).toBe('tcp');
    }
  });

  it('leaves UDP that comes and goes alone for longer each time', () => {
    play.cut('udp');
    let returns = 0;
    for (const end = 300_000; play.nowMs < end; ) {
      play.run(20);
      if (play.access.active !== 'udp') {
        play.join('udp');
        continue;
      }
      returns++;
      play.run(1000);
      play.cut('udp');
      play.access.suspect(play.nowMs);
      play.run(1000);
    }
    expect(returns).toBeLessThan(10);
  });

  it('makes a stream anew that is open and dead', () => {
    play.cut('udp');
    play.run(10_000);
    play.cut('tcp');
    play.run(100);
    play.access.suspect(play.nowMs);
    play.run(1000);
    expect(play.access.active).toBe(null);
    play.join('tcp');
    play.run(1000);
    expect([play.access.active, play.boundTo]).toEqual(['tcp', 'tcp']);
  });

  it('makes a stream anew that opens and is silent, ever more rarely', () => {
    play.run(10_000);
    play.cut('udp');
    play.down.tcp = false;
    const opened = play.streamsOpened;
    play.access.suspect(play.nowMs);
    play.run(60_000);
    expect(play.streamsOpened - opened).toBeGreaterThan(5);
    expect(play.streamsOpened - opened).toBeLessThan(15);
    play.join('tcp');
    play.run(9000);
    expect([play.access.active, play.boundTo]).toEqual(['tcp', 'tcp']);
  });

  it('keeps a stream at whose end the relay has forgotten the flow', () => {
    play.cut('udp');
    play.run(100_000);
    const opened = play.streamsOpened;
    const challenge = { flowId: FLOW, echo: 0n, cookie: cookieOf('tcp') };
    play.access.handleDatagram('tcp', writeBindChallenge(challenge), play.nowMs);
    play.run(1000);
    expect([play.access.active, play.streamsOpened]).toEqual(['tcp', opened]);
  });

  it('is the stream again when that was doubted, and UDP answered for a moment only', () => {
    for (let ms = 20; ms < 800; ms += 5) {
      const play = new AccessPlay().begin();
      play.cut('udp');
      play.run(4000);
      play.cut('tcp');
      play.join('udp');
      play.access.suspect(play.nowMs);
      play.run(ms);
      play.join('tcp');
      play.cut('udp');
      play.settle();
      expect([ms, play.access.active, play.boundTo]).toEqual([ms, 'tcp', 'tcp']);
    }
  });

  it('is UDP for the relay, too, when that answers again while a silent stream is given up', () => {
    for (let ms = 0; ms < 3000; ms += 5) {
      const play = new AccessPlay().begin();
      play.run(10_000);
      play.cut('udp');
      play.down.tcp = false;
      play.access.suspect(play.nowMs);
      play.run(ms);
      play.join('udp');
      play.run(3000);
      expect([ms, play.access.active, play.boundTo]).toEqual([ms, 'udp', 'udp']);
    }
  });

  it('has no timer that is always due while neither way answers', () => {
    for (const opens of [true, false]) {
      const play = new AccessPlay().begin();
      play.run(10_000);
      play.cut('udp');
      play.down.tcp = false;
      play.up.tcp = opens;
      play.access.suspect(play.nowMs);
      let timeouts = 0;
      for (let i = 0; i < 400; i++) {
        if (play.access.deadline <= play.nowMs) timeouts++;
        play.run(5);
      }
      expect(timeouts).toBeLessThan(20);
    }
  });

  it('binds over UDP on a long way, where requests are repeated before they can be answered', () => {
    const play = new AccessPlay(600).begin();
    play.run(2500);
    expect([play.access.active, play.boundTo]).toEqual(['udp', 'udp']);
    play.run(10_000);
    expect(play.changes.filter(({ active }) => active === 'tcp')).toEqual([]);
  });

  it('ends where the relay believes it is, whatever happened on the way', () => {
    const step = fc.record({
      udpUp: fc.boolean(),
      udpDown: fc.boolean(),
      tcp: fc.constantFrom('there', 'gone', 'silent'),
      suspect: fc.boolean(),
      ms: fc.integer({ min: 5, max: 3000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.boolean(), (steps, udpAtEnd) => {
        const play = new AccessPlay().begin();
        for (const { udpUp, udpDown, tcp, suspect, ms } of steps) {
          play.up.udp = udpUp;
          play.down.udp = udpDown;
          play.up.tcp = tcp !== 'gone';
          play.down.tcp = tcp === 'there';
          if (suspect) play.access.suspect(play.nowMs);
          play.run(ms);
        }
        play.join('tcp');
        if (udpAtEnd) play.join('udp');
        else play.cut('udp');
        play.settle();
        expect(play.access.active).toBe(play.boundTo);
        expect(play.up[play.access.active ?? 'udp']).toBe(true);
        play.run(130_000);
        expect([play.access.active, play.boundTo]).toEqual(udpAtEnd ? ['udp', 'udp'] : ['tcp', 'tcp']);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});

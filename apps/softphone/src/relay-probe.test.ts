import { createHmac, randomBytes } from 'node:crypto';
import { type ProbeOutput, RelayProbe } from '@overcall/call';
import { addressPolicy, DEFAULT_RELAY_LIMITS, type RelaySource, RelayTable } from '@overcall/overlay';
import { describe, expect, it } from 'vitest';

const FLOW = 77;
const UDP: RelaySource = { address: '198.51.100.7', port: 5000, socket: 0 };
const TCP: RelaySource = { address: '198.51.100.7', port: 6000, socket: 1024 };
const ONE_WAY_MS = 20;

/** A probe and a real relay table on a virtual clock, with a network between them that can be broken. */
class World {
  nowMs = 0;
  udpWorks = true;
  tcpWorks = true;
  relays = true;
  opens = true;
  readonly told: { type: string; transport?: string; atMs: number }[] = [];
  readonly probe: RelayProbe;
  sent = 0;
  isStreamWanted = false;
  udpSource = UDP;
  #table = this.#newTable();
  readonly #events: { atMs: number; run: () => void }[] = [];

  constructor(options: { hasUdp?: boolean } = {}) {
    const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
    const { hasUdp = true } = options;
    this.probe = new RelayProbe({ flow: FLOW, random, hasUdp, rttMs: 2 * ONE_WAY_MS, nowMs: 0 });
  }

  #newTable(): RelayTable<number> {
    return new RelayTable<number>({
      limits: DEFAULT_RELAY_LIMITS,
      crypto: {
        hmacSha256: (key, bytes) => new Uint8Array(createHmac('sha256', key).update(bytes).digest()),
        randomBytes: (length) => new Uint8Array(randomBytes(length)),
      },
      mayRelayTo: addressPolicy(),
      nowMs: this.nowMs,
    });
  }

  restartRelay(): void {
    this.#table = this.#newTable();
  }

  at(afterMs: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + afterMs, run });
  }

  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (let turns = 0; ; turns++) {
      if (turns > 10_000) throw new Error('the probe is busy without end');
      for (const output of this.probe.poll()) this.#carryOut(output);
      this.#events.sort((a, b) => a.atMs - b.atMs);
      const next = this.#events[0];
      const dueMs = Math.min(next?.atMs ?? Number.POSITIVE_INFINITY, this.probe.deadline);
      if (dueMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      if (next !== undefined && next.atMs <= dueMs) {
        this.#events.shift();
        next.run();
      } else this.probe.handleTimeout(this.nowMs);
    }
    this.nowMs = endMs;
  }

  #carryOut(output: ProbeOutput): void {
    if (output.type === 'send') this.#send(output.transport, output.datagram);
    else if (output.type === 'open') this.at(2 * ONE_WAY_MS, () => this.#open());
    else if (output.type === 'stream') this.#stream(output.wanted);
    else this.told.push({ ...output, atMs: this.nowMs });
  }

  #open(): void {
    if (!this.opens) {
      this.probe.handleRefused(this.nowMs);
      return;
    }
    const opened = this.#table.openLoop({ owner: 1, party: 'alice', flow: FLOW, ticket: 0 }, this.nowMs);
    if (opened.kind === 'opened') this.probe.handleOpened(opened.bindKeys[0]!.bindKey, this.nowMs);
  }

  #stream(wanted: boolean): void {
    this.isStreamWanted = wanted;
    this.at(6 * ONE_WAY_MS, () => {
      if (this.tcpWorks) this.probe.handleStream(this.isStreamWanted, this.nowMs);
    });
  }

  #send(transport: 'udp' | 'tcp', datagram: Uint8Array): void {
    this.sent++;
    const works = () => (transport === 'udp' ? this.udpWorks : this.tcpWorks && this.isStreamWanted);
    const source = transport === 'udp' ? this.udpSource : TCP;
    this.at(ONE_WAY_MS, () => {
      if (!works()) return;
      const result = this.#table.handleDatagram(source, datagram, this.nowMs);
      if (result.kind === 'drop' || (result.kind === 'forward' && !this.relays)) return;
      const to = result.kind === 'forward' ? result.to : source;
      const back = to.socket >= 1024 ? 'tcp' : 'udp';
      const bytes = result.datagram.slice();
      this.at(ONE_WAY_MS, () => {
        const arrives = back === 'udp' ? this.udpWorks : this.tcpWorks && this.isStreamWanted;
        if (arrives) this.probe.handleDatagram(back, bytes, this.nowMs);
      });
    });
  }

  types(): string[] {
    return this.told.map(({ type, transport }) => (transport === undefined ? type : `${type} ${transport}`));
  }
}

describe('a probe of a relay', () => {
  it('comes back at once, then every three seconds, with one datagram each', () => {
    const world = new World();
    world.run(200);
    expect(world.told).toMatchObject([{ type: 'works', transport: 'udp' }]);
    const before = world.sent;
    world.run(30_000);
    expect(world.told.length).toBeGreaterThanOrEqual(9);
    expect(world.told.length).toBeLessThanOrEqual(12);
    // The last one may be on its way.
    expect(world.sent - before - (world.told.length - 1)).toBeLessThanOrEqual(1);
    expect(world.isStreamWanted).toBe(false);
  });

  it('that does not come back tells within nine seconds, and again when it does', () => {
    for (let offsetMs = 0; offsetMs < 3000; offsetMs += 250) {
      const world = new World();
      world.run(5000 + offsetMs);
      world.relays = false;
      world.told.length = 0;
      world.run(9000);
      expect(
        world
          .types()
          .filter((type) => type !== 'works udp')
          .slice(0, 2),
      ).toEqual(['suspect', 'fails']);
      world.relays = true;
      world.run(9000);
      expect(world.types().at(-1)).toMatch(/^works/);
    }
  });

  it('goes over TCP where UDP does not pass, and back when it does', () => {
    const world = new World();
    world.run(4000);
    world.udpWorks = false;
    world.run(20_000);
    expect(world.types()).not.toContain('fails');
    expect(world.types().at(-1)).toBe('works tcp');
    world.udpWorks = true;
    world.run(40_000);
    expect(world.types().at(-1)).toBe('works udp');
    expect(world.isStreamWanted).toBe(false);
  });

  it('needs no socket: without UDP it goes over TCP from the start', () => {
    const world = new World({ hasUdp: false });
    world.run(700);
    expect(world.types()).toEqual(['works tcp']);
    world.relays = false;
    world.run(9000);
    expect(world.types()).toContain('fails');
  });

  it('survives a new port of our NAT, and a relay that has forgotten the flow', () => {
    const world = new World();
    world.run(4000);
    world.udpSource = { ...UDP, port: 5001 };
    world.run(4000);
    expect(world.types().at(-1)).toBe('works udp');
    world.restartRelay();
    world.told.length = 0;
    world.run(6000);
    expect(world.types()).not.toContain('fails');
    expect(world.types().at(-1)).toBe('works udp');
  });

  it('is told from a forged one', () => {
    const world = new World();
    world.run(200);
    world.relays = false;
    world.told.length = 0;
    world.run(3400);
    const forged = new Uint8Array(57).fill(3);
    forged.set([5, 0, 0, 0, FLOW]);
    world.probe.handleDatagram('udp', forged, world.nowMs);
    world.run(6000);
    expect(world.types()).toEqual(['suspect', 'fails']);
  });

  it('is sent at once when there is a reason to look, and tells five seconds later', () => {
    const world = new World();
    world.run(200);
    world.probe.setNeeded(false, world.nowMs);
    world.run(60_000);
    world.relays = false;
    world.told.length = 0;
    world.probe.setNeeded(true, world.nowMs);
    world.probe.hurry(world.nowMs);
    world.run(5100);
    expect(world.types()).toEqual(['suspect', 'fails']);
  });

  it('is not sent in a call, and says so where a supernode has no such flows', () => {
    const world = new World();
    world.run(200);
    world.probe.setNeeded(false, world.nowMs);
    const { sent } = world;
    world.run(60_000);
    expect(world.sent).toBe(sent);
    expect(world.probe.deadline).toBe(Number.POSITIVE_INFINITY);
    world.probe.setNeeded(true, world.nowMs);
    world.run(4000);
    expect(world.sent).toBeGreaterThan(sent);
    const old = new World();
    old.opens = false;
    old.run(40_000);
    expect(old.types()).toEqual(['unprovable', 'unprovable']);
  });
});

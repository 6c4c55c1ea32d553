import { PathAgent } from './path-agent.ts';
import type { PathOutput } from './path-agent-types.ts';
import { plainCipher } from './plain-cipher.test-support.ts';

/** A way through the virtual network; null when the datagram vanishes. */
export type Network = (datagram: Flight) => Arrival | null;
interface Flight {
  from: 'alice' | 'bob';
  to: string;
  hopLimit: number | undefined;
  nowMs: number;
}
export interface Arrival {
  /** The address that the receiver sees it come from. */
  seenFrom: string;
  delayMs: number;
}

export const RELAY = '203.0.113.20:3478';
/** Of those who talk on a direct path. */
export const ADDRESS = { alice: '198.51.100.1:4000', bob: '198.51.100.2:5000' };
const SIGNAL_DELAY_MS = 20;
const RELAY_DELAY_MS = 25;
const FRAME_MS = 20;

export interface MoreRelay {
  works: boolean;
  delayMs: number;
  /** Whether it loses the next datagram. */
  loses: () => boolean;
}

type Side = 'alice' | 'bob';
const OTHER = { alice: 'bob', bob: 'alice' } as const;

interface Event {
  atMs: number;
  order: number;
  act: () => void;
}

/** Two agents, a relay between them and a direct way made of whatever the test says, on a virtual clock. */
export class AgentPair {
  nowMs = 0;
  relayWorks = true;
  relayDelayMs = RELAY_DELAY_MS;
  /** How far each side's own clock is ahead of the network's. */
  readonly aheadMs: Record<Side, number> = { alice: 0, bob: 0 };
  /** Timers and datagrams do not reach a side that sleeps; what is sent to it is lost. */
  readonly isAsleep: Record<Side, boolean> = { alice: false, bob: false };
  network: Network;
  /** Further relays, by their addresses. */
  readonly moreRelays = new Map<string, MoreRelay>();
  readonly agents: Record<Side, PathAgent>;
  readonly switches: { side: Side; atMs: number; kind: string; remote: string; reason: string }[] = [];
  /** Frame numbers heard, with the time of the first copy. */
  readonly heard: Record<Side, Map<number, number>> = { alice: new Map(), bob: new Map() };
  readonly sentTo: {
    side: Side;
    socket: number;
    to: string;
    atMs: number;
    hopLimit: number | undefined;
    datagram: Uint8Array;
  }[] = [];
  /** Where audio went, and when. */
  readonly audioTo: { side: Side; to: string; atMs: number }[] = [];
  /** A STUN server's answer to `gather` arrives. */
  onGather: (side: Side) => void = () => {};
  readonly #events: Event[] = [];
  readonly #recent: Record<Side, number[]> = { alice: [], bob: [] };
  #order = 0;
  #talking = false;

  constructor(network: Network, mayCheck: (address: string) => boolean = () => true) {
    this.network = network;
    let seed = 1;
    const random = (bytes: number) => {
      const out = new Uint8Array(bytes);
      for (let i = 0; i < bytes; i++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        out[i] = seed >>> 24;
      }
      return out;
    };
    const agent = (own: number, peer: number) =>
      new PathAgent({ cipher: plainCipher(own, peer), random, receiveFlow: own, mayCheck });
    this.agents = { alice: agent(1, 2), bob: agent(2, 1) };
    for (const side of ['alice', 'bob'] as const) {
      const agent = this.agents[side];
      agent.addSocket({ id: 0, family: 'ipv4' }, 0);
      const [flow, sendFlow] = side === 'alice' ? [11, 12] : [12, 11];
      agent.useRelay({ flow, sendFlow, socket: 0, remote: RELAY, via: ['supernode'] }, 0);
    }
  }

  /** Both sides are bound at another relay, or at the ends of a way over several. */
  addRelay(remote: string, via: readonly string[], delayMs = RELAY_DELAY_MS): MoreRelay {
    const relay: MoreRelay = { works: true, delayMs, loses: () => false };
    const flow = 100 + 2 * this.moreRelays.size;
    this.moreRelays.set(remote, relay);
    for (const side of ['alice', 'bob'] as const) {
      const [own, peer] = side === 'alice' ? [flow, flow + 1] : [flow + 1, flow];
      const names = side === 'alice' ? via : [...via].reverse();
      const route = { flow: own, sendFlow: peer, socket: 0, remote, via: names };
      this.agents[side].useRelay(route, this.clockOf(side));
    }
    return relay;
  }

  /** What each agent says, and when it wants to be called again. */
  #drain(side: Side): void {
    for (const output of this.agents[side].poll()) this.#carryOut(side, output);
  }

  #carryOut(side: Side, output: PathOutput): void {
    const peer = OTHER[side];
    if (output.type === 'tell') {
      this.#at(this.nowMs + SIGNAL_DELAY_MS, () => {
        this.agents[peer].handleTold(structuredClone(output.message), this.clockOf(peer));
        this.#drain(peer);
      });
    } else if (output.type === 'path') {
      const { kind, remote } = output.path;
      this.switches.push({ side, atMs: this.nowMs, kind, remote, reason: output.reason });
    } else if (output.type === 'repeat') {
      for (const frame of this.#recent[side]) this.#carry(side, output.path, frame);
    } else if (output.type === 'gather') {
      this.#at(this.nowMs + 2 * SIGNAL_DELAY_MS, () => this.onGather(side));
    } else if (output.type === 'send') {
      const { socket, to, datagram, hopLimit } = output;
      this.sentTo.push({ side, socket, to, atMs: this.nowMs, hopLimit, datagram });
      this.#fly(side, output.to, output.hopLimit, (from) => {
        this.agents[peer].handleCheck(0, from, output.datagram, this.clockOf(peer));
      });
    }
  }

  #fly(side: Side, to: string, hopLimit: number | undefined, arrive: (from: string) => void): void {
    const arrival = this.#arrivalOf(side, to, hopLimit);
    if (arrival === null) return;
    this.#at(this.nowMs + arrival.delayMs, () => {
      if (this.isAsleep[OTHER[side]]) return;
      arrive(arrival.seenFrom);
      this.#drain(OTHER[side]);
    });
  }

  #arrivalOf(side: Side, to: string, hopLimit: number | undefined): Arrival | null {
    if (to === RELAY) return this.relayWorks ? { seenFrom: RELAY, delayMs: this.relayDelayMs } : null;
    const relay = this.moreRelays.get(to);
    if (relay === undefined) return this.network({ from: side, to, hopLimit, nowMs: this.nowMs });
    return relay.works && !relay.loses() ? { seenFrom: to, delayMs: relay.delayMs } : null;
  }

  #at(atMs: number, act: () => void): void {
    this.#events.push({ atMs, order: this.#order++, act });
  }

  /** What its own clock says. */
  clockOf(side: Side): number {
    return this.nowMs + this.aheadMs[side];
  }

  #deadlineOf(side: Side): number {
    return this.isAsleep[side] ? Number.POSITIVE_INFINITY : this.agents[side].deadline - this.aheadMs[side];
  }

  talk(): void {
    this.#talking = true;
    for (const side of ['alice', 'bob'] as const) {
      this.agents[side].talk(this.clockOf(side));
      this.#frame(side, 0);
    }
  }

  #frame(side: Side, frame: number): void {
    if (!this.#talking) return;
    this.#at(this.nowMs + FRAME_MS, () => this.#frame(side, frame + 1));
    if (this.isAsleep[side]) return;
    this.#recent[side] = [...this.#recent[side], frame].slice(-8);
    for (const path of this.agents[side].routes(this.clockOf(side))) this.#carry(side, path, frame);
    this.agents[side].pingBeside(this.clockOf(side) + FRAME_MS, this.clockOf(side));
    this.#drain(side);
  }

  #carry(side: Side, path: Parameters<PathAgent['noteSent']>[0], frame: number): void {
    const peer = OTHER[side];
    const flow = this.agents[side].flowOf(path)!;
    this.agents[side].noteSent(path);
    this.audioTo.push({ side, to: path.remote, atMs: this.nowMs });
    this.#fly(side, path.remote, undefined, (from) => {
      if (this.heard[peer].has(frame)) {
        this.agents[peer].handleCopy(flow, 0, from, this.clockOf(peer));
        return;
      }
      this.heard[peer].set(frame, this.nowMs);
      this.agents[peer].handleMedia(flow, 0, from, 0, this.clockOf(peer));
    });
  }

  run(ms: number): void {
    const until = this.nowMs + ms;
    for (const side of ['alice', 'bob'] as const) this.#drain(side);
    for (;;) {
      this.#events.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      const deadline = Math.min(this.#deadlineOf('alice'), this.#deadlineOf('bob'));
      const next = Math.min(this.#events[0]?.atMs ?? Number.POSITIVE_INFINITY, deadline);
      if (next > until) break;
      this.nowMs = Math.max(this.nowMs, next);
      if (this.#events[0] !== undefined && this.#events[0].atMs <= deadline) this.#events.shift()!.act();
      else {
        for (const side of ['alice', 'bob'] as const) {
          if (this.isAsleep[side]) continue;
          this.agents[side].handleTimeout(this.clockOf(side));
          this.#drain(side);
        }
      }
    }
    this.nowMs = until;
  }

  /** Longest time without a new frame, ms, between the first and the last heard. */
  longestGap(side: Side): number {
    const times = [...this.heard[side].values()].sort((a, b) => a - b);
    return Math.max(0, ...times.slice(1).map((time, index) => time - times[index]!));
  }

  /** Frames between the first and the last heard that never came. */
  lost(side: Side): number {
    const frames = [...this.heard[side].keys()];
    return frames.length === 0 ? 0 : Math.max(...frames) - Math.min(...frames) + 1 - frames.length;
  }
}

/** A call that has been on a direct path for a second. */
export function talkingPair(): AgentPair {
  const pair = new AgentPair(({ from, to, hopLimit }) =>
    to === ADDRESS[OTHER[from]] && hopLimit === undefined ? { seenFrom: ADDRESS[from], delayMs: 20 } : null,
  );
  for (const side of ['alice', 'bob'] as const) {
    pair.agents[side].setCandidates([{ kind: 'server-reflexive', address: ADDRESS[side] }]);
    pair.agents[side].expose(0);
  }
  pair.run(500);
  pair.talk();
  pair.run(1000);
  return pair;
}

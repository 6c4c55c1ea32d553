import { createHmac } from 'node:crypto';
import { nodeCrypto } from '@overcall/net';
import type { CallKeys } from '@overcall/session';
import {
  type FlowId,
  PAUSE_EVERY_FRAMES,
  readBindRequest,
  viewOf,
  writeBindAck,
  writeBindChallenge,
} from '@overcall/wire';
import { MediaSession } from './media-session.ts';
import type { MediaOutput, RelayGrant } from './media-session-types.ts';

export type Side = 'a' | 'b';
const OTHER = { a: 'b', b: 'a' } as const;
const SIDES = ['a', 'b'] as const;
const COOKIE = new Uint8Array(16).fill(9);
/** One way, over any number of supernodes. */
const DELAY_MS = 25;
const STREAM_OPENS_MS = 60;
const STREAM_BASE = 100;

/** A route in a test: names of supernodes from a to b, and the flow on which each side receives. */
export interface TestRoute {
  via: string[];
  flows: Record<Side, FlowId>;
}

export interface TestSupernode {
  isAlive: boolean;
  passesUdp: boolean;
  address: string;
  stream: number;
}

/** Keys of a call, told apart by a byte for each direction. */
export function keys(send: number, receive: number): CallKeys {
  const direction = (seed: number) => {
    const packetKey = (use: number) => ({
      key: new Uint8Array(16).fill(seed + use),
      iv: new Uint8Array(12).fill(seed + use),
    });
    return { signal: packetKey(1), media: packetKey(2), check: packetKey(3) };
  };
  return { send: direction(send), receive: direction(receive), handshakeHash: new Uint8Array(64) };
}

/** Two sessions on a virtual clock, and supernodes between them that may die or be reached over TCP only. */
export class RelayedPair {
  nowMs = 1000;
  readonly sessions: Record<Side, MediaSession>;
  readonly supernodes: Record<string, TestSupernode> = {};
  readonly outputs: Record<Side, { atMs: number; output: MediaOutput }[]> = { a: [], b: [] };
  /** When each frame was first heard. */
  readonly heardAtMs: Record<Side, number[]> = { a: [], b: [] };
  readonly openStreams: Record<Side, Set<number>> = { a: new Set(), b: new Set() };
  /** Nobody speaks, and nothing is sent but that. */
  isPausing = false;
  /** Whether a datagram on that flow gets through. */
  passes: (flow: FlowId) => boolean = () => true;
  readonly #routes: TestRoute[] = [];
  readonly #bindKeys = new Map<FlowId, Uint8Array>();
  /** Whether each side is bound over a stream, by side and flow. */
  readonly #isOverStream = new Map<string, boolean>();
  readonly #queue: { atMs: number; act: () => void }[] = [];

  constructor(names: readonly string[]) {
    for (const [index, name] of names.entries())
      this.supernodes[name] = {
        isAlive: true,
        passesUdp: true,
        address: `203.0.113.${index + 1}:3478`,
        stream: STREAM_BASE + index,
      };
    const session = (send: number, receive: number, directFlow: FlowId) =>
      new MediaSession({
        legId: 1,
        crypto: nodeCrypto,
        keys: keys(send, receive),
        directFlow,
        mayCheck: () => true,
        nowMs: this.nowMs,
      });
    this.sessions = { a: session(10, 20, 1001), b: session(20, 10, 1002) };
  }

  /** What a side is granted. */
  grantOf(side: Side, route: TestRoute, key = route.flows[side]): RelayGrant {
    const { via, flows } = route;
    if (!this.#routes.includes(route)) this.#routes.push(route);
    const names = side === 'a' ? via : [...via].reverse();
    const { address, stream } = this.supernodes[names[0]!]!;
    const bindKey = new Uint8Array(32).fill(key);
    this.#bindKeys.set(flows[OTHER[side]], bindKey);
    return {
      ...{ route: flows[side], sendFlow: flows[OTHER[side]], via: names, socket: 0, relayAddress: address },
      ...{ bindKey, stream: { socket: stream, address: `${address}/tcp` }, rttMs: 2 * DELAY_MS },
    };
  }

  open(route: TestRoute): void {
    for (const side of SIDES) this.sessions[side].useRelay(this.grantOf(side, route), this.nowMs);
  }

  talk(): void {
    for (const side of SIDES) this.sessions[side].startTalking(this.nowMs);
  }

  #later(act: () => void, ms = DELAY_MS): void {
    this.#queue.push({ atMs: this.nowMs + ms, act });
  }

  #drain(side: Side): void {
    for (const output of this.sessions[side].poll()) {
      this.outputs[side].push({ atMs: this.nowMs, output });
      if (output.type === 'send') this.#carry(side, output);
      if (output.type === 'audio') this.heardAtMs[side].push(this.nowMs);
      if (output.type === 'stream') this.#handleStream(side, output.socket, output.wanted);
    }
  }

  #handleStream(side: Side, socket: number, wanted: boolean): void {
    const open = this.openStreams[side];
    if (wanted) {
      open.add(socket);
      this.#later(() => {
        if (open.has(socket)) this.sessions[side].handleStream(socket, true, this.nowMs);
      }, STREAM_OPENS_MS);
    } else if (open.delete(socket)) this.sessions[side].handleStream(socket, false, this.nowMs);
  }

  #carry(side: Side, { socket, datagram }: Extract<MediaOutput, { type: 'send' }>): void {
    const flow = viewOf(datagram).getUint32(1);
    const route = this.#routes.find(({ flows }) => flows[OTHER[side]] === flow)!;
    const hops = route.via.map((name) => this.supernodes[name]!);
    const nearest = side === 'a' ? hops[0]! : hops.at(-1)!;
    const isStream = socket >= STREAM_BASE;
    if (isStream ? !this.openStreams[side].has(socket) : !nearest.passesUdp) return;
    const request = readBindRequest(datagram);
    if (request !== null && nearest.isAlive) {
      const answer = this.#bindAnswer(request);
      const from = isStream ? `${nearest.address}/tcp` : nearest.address;
      this.#later(() => this.sessions[side].handleDatagram(socket, from, answer, this.nowMs), 2 * DELAY_MS);
      this.#isOverStream.set(`${side} ${route.flows[side]}`, isStream);
    }
    if (request !== null || !hops.every(({ isAlive }) => isAlive) || !this.passes(flow)) return;
    this.#later(() => this.#deliver(OTHER[side], route, datagram));
  }

  #deliver(to: Side, route: TestRoute, datagram: Uint8Array): void {
    const nearest = this.supernodes[to === 'a' ? route.via[0]! : route.via.at(-1)!]!;
    const isStream = this.#isOverStream.get(`${to} ${route.flows[to]}`) === true;
    if (!isStream && !nearest.passesUdp) return;
    const [socket, from] = isStream ? [nearest.stream, `${nearest.address}/tcp`] : [0, nearest.address];
    this.sessions[to].handleDatagram(socket, from, datagram, this.nowMs);
  }

  #bindAnswer(request: NonNullable<ReturnType<typeof readBindRequest>>): Uint8Array {
    const { flowId, sequence, cookie } = request;
    if (cookie[0] !== COOKIE[0]) return writeBindChallenge({ flowId, echo: sequence, cookie: COOKIE });
    const key = this.#bindKeys.get(flowId)!;
    return writeBindAck({ flowId, sequence }, (bytes) => createHmac('sha256', key).update(bytes).digest());
  }

  /** Lets time pass, 5 ms at a time; each side says a frame each 20 ms. */
  run(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += 5) {
      for (const due of this.#queue.filter(({ atMs }) => atMs <= this.nowMs)) {
        this.#queue.splice(this.#queue.indexOf(due), 1);
        due.act();
      }
      for (const side of SIDES) {
        const session = this.sessions[side];
        if (this.nowMs % (this.isPausing ? 20 * PAUSE_EVERY_FRAMES : 20) === 0)
          session.sendAudio(this.nowMs / 20, new Uint8Array(this.isPausing ? 0 : 60), this.nowMs);
        if (this.nowMs >= session.deadline) session.handleTimeout(this.nowMs);
        this.#drain(side);
      }
    }
  }

  /** Longest time without a new frame since then, ms, up to now. */
  longestGap(side: Side, sinceMs: number): number {
    const times = [...this.heardAtMs[side].filter((time) => time >= sinceMs), this.nowMs];
    return Math.max(...times.map((time, index) => time - (times[index - 1] ?? sinceMs)));
  }

  /** What a side said of one kind since then. */
  said<T extends MediaOutput['type']>(side: Side, type: T, sinceMs = 0): Extract<MediaOutput, { type: T }>[] {
    return this.outputs[side]
      .filter(({ atMs, output }) => atMs >= sinceMs && output.type === type)
      .map(({ output }) => output as Extract<MediaOutput, { type: T }>);
  }

  viaOf(side: Side): readonly string[] {
    return this.sessions[side].paths.current?.via ?? [];
  }
}

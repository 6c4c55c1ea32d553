import type { FlowId } from '@overcall/wire';
import { type Family, familyOf } from './candidate.ts';

/** A local UDP socket, by a number that the driver gives. */
export type SocketId = number;

/** `relay`: one supernode on the way; `overlay`: two or more. */
export type PathKind = 'direct' | 'relay' | 'overlay';

/** How this side's datagrams travel: over TCP, the same ones, to a relay. */
export type PathTransport = 'udp' | 'tcp';

/** Weight of a new sample in the smoothed round trip: RFC 6298, 2.3. */
const RTT_GAIN = 1 / 8;
const RTT_VARIANCE_GAIN = 1 / 4;
/** Weight of a new loss sample: with one each 250 ms, half of a change shows after 0.6 s. */
const LOSS_GAIN = 1 / 4;
/** A loss sample needs this many packets, or one lost packet says too much. */
const MIN_LOSS_SAMPLE_PACKETS = 5;
/** 2 s of audio: what is missing between two pings so far apart was an outage, or one of the two has slept. */
const MAX_LOSS_SAMPLE_PACKETS = 100;
/** No round trip takes longer, ms: the clock has jumped meanwhile. */
const MAX_RTT_MS = 5000;

export interface PathIdentity {
  kind: PathKind;
  /** On which its datagrams come, of a way over supernodes; null for direct ones, which share a flow. */
  flow: FlowId | null;
  socket: SocketId;
  /** `ip:port` to which datagrams go: the peer, or the relay. */
  remote: string;
  /** Names of supernodes on the way, in order. */
  via: readonly string[];
  transport?: PathTransport;
}

export const pathKey = (socket: SocketId, remote: string): string => `${socket} ${remote}`;

/** What is known of one way to the peer. Only {@link PathAgent} changes it. */
export class Path implements PathIdentity {
  readonly key: string;
  readonly kind: PathKind;
  readonly flow: FlowId | null;
  readonly socket: SocketId;
  readonly remote: string;
  readonly via: readonly string[];
  readonly transport: PathTransport;
  readonly family: Family;
  /** Checks sent since the path was last heard. */
  unanswered = 0;
  /** When the first of the pings went out that have not been answered; null when all were. */
  unansweredSinceMs: number | null = null;
  /** A fresh challenge came back from there: media may go there. */
  provenAtMs: number | null = null;
  firstProvenAtMs: number | null = null;
  /** When the newest of the pings went out that were answered. */
  answeredPingAtMs: number | null = null;
  /** Anything authentic came from there. */
  heardAtMs: number | null = null;
  nextPingAtMs = Number.POSITIVE_INFINITY;
  rttMs: number | null = null;
  rttVarianceMs = 0;
  /** Media packets, both ways. */
  sentPackets = 0;
  receivedPackets = 0;
  /** Of those that were sent here, so many the peer has heard of, as it said last. */
  confirmedPackets = 0;
  /** Share of media packets lost, percent; null until measured. */
  lossInPct: number | null = null;
  lossOutPct: number | null = null;
  /** Not to be chosen for being better before this time: it has let us down. */
  heldUntilMs = 0;
  /** When it was last left for another one because it was silent or worse. */
  leftAtMs: number | null = null;
  /** How often it was held back for longer than a moment. */
  timesHeld = 0;
  #seenAs: string | null = null;
  #inMark: Mark | null = null;
  #outMark: Mark | null = null;

  constructor({ kind, flow, socket, remote, via, transport = 'udp' }: PathIdentity) {
    this.key = pathKey(socket, remote);
    this.kind = kind;
    this.flow = flow;
    this.socket = socket;
    this.remote = remote;
    this.via = via;
    this.transport = transport;
    this.family = familyOf(remote);
  }

  get isDirect(): boolean {
    return this.kind === 'direct';
  }

  get isProven(): boolean {
    return this.provenAtMs !== null;
  }

  noteAnswer(sentAtMs: number, nowMs: number): void {
    this.answeredPingAtMs = Math.max(this.answeredPingAtMs ?? sentAtMs, sentAtMs);
    this.provenAtMs = nowMs;
    this.firstProvenAtMs ??= nowMs;
    this.unanswered = 0;
    this.unansweredSinceMs = null;
  }

  /** The peer sees us there at another address than before: our NAT has made it another path, and what it was is past. */
  noteSeenAs(address: string | null): void {
    if (address !== null && this.#seenAs !== null && address !== this.#seenAs) {
      this.heldUntilMs = 0;
      this.leftAtMs = null;
      this.timesHeld = 0;
    }
    this.#seenAs = address ?? this.#seenAs;
  }

  noteRtt(sampleMs: number): void {
    if (sampleMs < 0 || sampleMs > MAX_RTT_MS) return;
    if (this.rttMs === null) {
      this.rttMs = sampleMs;
      this.rttVarianceMs = sampleMs / 2;
      return;
    }
    this.rttVarianceMs += (Math.abs(this.rttMs - sampleMs) - this.rttVarianceMs) * RTT_VARIANCE_GAIN;
    this.rttMs += (sampleMs - this.rttMs) * RTT_GAIN;
  }

  /** A path that carries no audio any more has no loss to speak of. */
  forgetLoss(): void {
    this.lossInPct = null;
    this.lossOutPct = null;
    this.#inMark = null;
    this.#outMark = null;
  }

  /** The peer's ping says how many packets it had sent here; they arrive in order with it, nearly always. */
  noteIncoming(sentByPeer: number): void {
    const sample = sampleOf(this.#inMark, { sent: sentByPeer, received: this.receivedPackets });
    this.#inMark = sample.mark;
    if (sample.lossPct !== null) this.lossInPct = smooth(this.lossInPct, sample.lossPct);
  }

  /** The peer's pong says how many had arrived when our ping did, which said how many we had sent. */
  noteOutgoing(sentAtPing: number, receivedByPeer: number): void {
    const sample = sampleOf(this.#outMark, { sent: sentAtPing, received: receivedByPeer });
    this.#outMark = sample.mark;
    this.confirmedPackets = receivedByPeer;
    if (sample.lossPct !== null) this.lossOutPct = smooth(this.lossOutPct, sample.lossPct);
  }
}

interface Mark {
  sent: number;
  received: number;
}

/** Loss between two marks (32-bit counts that may wrap), and the mark from which the next sample counts. */
function sampleOf(before: Mark | null, now: Mark): { lossPct: number | null; mark: Mark } {
  if (before === null) return { lossPct: null, mark: now };
  const sent = (now.sent - before.sent) >>> 0;
  const received = (now.received - before.received) >>> 0;
  // Far apart the wrong way round: a peer that counts backwards, or an old pong.
  if (sent > 0x7fffffff || received > 0x7fffffff) return { lossPct: null, mark: before };
  if (sent > MAX_LOSS_SAMPLE_PACKETS) return { lossPct: null, mark: now };
  if (sent < MIN_LOSS_SAMPLE_PACKETS) return { lossPct: null, mark: before };
  return { lossPct: (100 * Math.max(0, sent - received)) / sent, mark: now };
}

const smooth = (before: number | null, sample: number): number =>
  before === null ? sample : before + (sample - before) * LOSS_GAIN;

import type { FlowId } from '@overcall/wire';
import { type Family, familyOf } from './candidate.ts';
import { LossMeter } from './loss-meter.ts';
import { RecentRoundTrips } from './recent-round-trips.ts';

/** A local UDP socket, by a number that the driver gives. */
export type SocketId = number;

/** `relay`: one supernode on the way; `overlay`: two or more. */
export type PathKind = 'direct' | 'relay' | 'overlay';

/** How this side's datagrams travel: over TCP, the same ones, to a relay. */
export type PathTransport = 'udp' | 'tcp';

/** Weight of a new sample in the smoothed round trip: RFC 6298, 2.3. */
const RTT_GAIN = 1 / 8;
const RTT_VARIANCE_GAIN = 1 / 4;
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
  /** Smoothed, for timeouts. Paths are compared by {@link roundTrips}. */
  rttMs: number | null = null;
  rttVarianceMs = 0;
  readonly roundTrips = new RecentRoundTrips();
  /** What score.ts made of it last, and of what. */
  readonly scored: { rttMs: number; lossPct: number; score: number }[] = [];
  /** Media packets, both ways. */
  sentPackets = 0;
  receivedPackets = 0;
  /** Of the first so many that were sent here, so many the peer has heard of, as it said last. */
  askedPackets = 0;
  confirmedPackets = 0;
  /** Not to be chosen for being better before this time: it has let us down. */
  heldUntilMs = 0;
  /** When it was last left for another one because it was silent or worse. */
  leftAtMs: number | null = null;
  /** How often it was held back for longer than a moment. */
  timesHeld = 0;
  /** It was left for letting us down, and has not made up for it yet. */
  isDoubted = false;
  /** What it lost when it was left, percent. */
  rememberedLossPct = 0;
  /** Pings that were sent, and those that were answered. */
  sentPings = 0;
  answers = 0;
  #answeredNumbers: { first: number; last: number } | null = null;
  #seenAs: string | null = null;
  readonly #lossIn = new LossMeter();
  readonly #lossOut = new LossMeter();

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

  /** @param number of the ping: so many had been sent before it */
  noteAnswer(sentAtMs: number, nowMs: number, number: number): void {
    const { first, last } = this.#answeredNumbers ?? { first: number, last: number };
    this.#answeredNumbers = { first: Math.min(first, number), last: Math.max(last, number) };
    this.answeredPingAtMs = Math.max(this.answeredPingAtMs ?? sentAtMs, sentAtMs);
    this.provenAtMs = nowMs;
    this.firstProvenAtMs ??= nowMs;
    this.answers++;
    this.unanswered = 0;
    this.unansweredSinceMs = null;
  }

  /** Pings from the first answered one to the last: before, the peer may not have been there. */
  get countedPings(): number {
    if (this.#answeredNumbers === null) return 0;
    return this.#answeredNumbers.last - this.#answeredNumbers.first + 1;
  }

  /** The peer sees us there at another address than before: our NAT has made it another path, and what it was is past. */
  noteSeenAs(address: string | null): void {
    if (address !== null && this.#seenAs !== null && address !== this.#seenAs) this.beginAnew();
    this.#seenAs = address ?? this.#seenAs;
  }

  /** The network has changed: that it let us down before says nothing. */
  beginAnew(): void {
    this.heldUntilMs = 0;
    this.leftAtMs = null;
    this.timesHeld = 0;
    this.trust();
  }

  noteRtt(sampleMs: number): void {
    if (sampleMs < 0 || sampleMs > MAX_RTT_MS) return;
    this.roundTrips.note(sampleMs);
    if (this.rttMs === null) {
      this.rttMs = sampleMs;
      this.rttVarianceMs = sampleMs / 2;
      return;
    }
    this.rttVarianceMs += (Math.abs(this.rttMs - sampleMs) - this.rttVarianceMs) * RTT_VARIANCE_GAIN;
    this.rttMs += (sampleMs - this.rttMs) * RTT_GAIN;
  }

  /** Share of media packets lost lately, percent, of the direction that loses more; null until measured. */
  get lossPct(): number | null {
    const { lossPct: inPct } = this.#lossIn;
    const { lossPct: outPct } = this.#lossOut;
    return inPct === null ? outPct : Math.max(inPct, outPct ?? 0);
  }

  /** Packets from which the loss is known. */
  get lossPackets(): number {
    return Math.max(this.#lossIn.packets, this.#lossOut.packets);
  }

  /** It is left for letting us down: what was measured is only remembered from now on. */
  doubt(): void {
    this.isDoubted = true;
    this.rememberedLossPct = Math.max(this.lossPct ?? 0, this.rememberedLossPct);
    this.forgetLoss();
  }

  /** It has carried audio, or copies of it, well enough. */
  trust(): void {
    this.isDoubted = false;
    this.rememberedLossPct = 0;
  }

  /** A path that carries no audio any more has no loss to speak of. */
  forgetLoss(): void {
    this.#lossIn.forget();
    this.#lossOut.forget();
  }

  /** The peer's ping says how many packets it had sent here; they arrive in order with it, nearly always. */
  noteIncoming(sentByPeer: number, nowMs: number): void {
    this.#lossIn.note(sentByPeer, this.receivedPackets, nowMs);
  }

  /** The peer's pong says how many had arrived when our ping did, which said how many we had sent. */
  noteOutgoing(sentAtPing: number, receivedByPeer: number, nowMs: number): void {
    this.#lossOut.note(sentAtPing, receivedByPeer, nowMs);
    this.askedPackets = sentAtPing;
    this.confirmedPackets = receivedByPeer;
  }
}

import {
  BIND_CHALLENGE_BYTES,
  BIND_MAC_BYTES,
  BIND_REQUEST_MACED_BYTES,
  type BindRequest,
  DatagramType,
  equalBytes,
  type FlowId,
  MAX_DATAGRAM_BYTES,
  MEDIA_HEADER_BYTES,
  readBindRequest,
  TAG_BYTES,
  writeBindAck,
  writeBindChallenge,
} from '@overcall/wire';
import type { AddressPolicy } from './address-policy.ts';
import { BindCookies, type RelayCrypto } from './bind-cookie.ts';
import { CapacityGate } from './capacity-gate.ts';
import { type ClosedHalf, type CloseOptions, FlowBook, type OpenResult } from './flow-book.ts';
import type { Neighbour } from './hop-neighbours.ts';
import type { Way } from './hop-way.ts';
import type { LegIndex } from './leg-index.ts';
import { PrefixLimiter } from './prefix-limiter.ts';
import {
  type HalfId,
  isConnection,
  type Leg,
  moveTo,
  type RelayRequest,
  type RelaySource,
  sameSource,
  sendsFrom,
  takeFrom,
} from './relay-flows.ts';
import type { RelayLimits } from './relay-limits.ts';

/**
 * The flow table of a relay. Life cycle: both parties `open` -> each gets a bind key -> each binds its source (UDP, or
 * a connection that carries datagrams)
 * -> datagrams that match (source address, source port, flow id) are forwarded unchanged -> `close` or expiry.
 * Everything else is dropped and counted. Nothing here sends; the answers are values.
 */

type DropReason =
  | 'malformed'
  | 'unknown-flow'
  | 'unbound-source'
  | 'peer-unbound'
  | 'over-rate'
  | 'over-neighbour-rate'
  | 'over-capacity'
  | 'bad-mac'
  | 'old-sequence'
  | 'refused-address'
  | 'challenge-limited';

/** One object is used for all that is forwarded: it holds until the next datagram is handled. */
export type DatagramResult =
  | { kind: 'forward'; to: RelaySource; datagram: Uint8Array }
  /** Goes back to the source. Never longer than what drew it. */
  | { kind: 'reply'; datagram: Uint8Array }
  | { kind: 'drop'; reason: DropReason };

const SWEEP_INTERVAL_MS = 1000;

/** One for each reason: what is dropped in a flood makes no garbage. */
const drops = new Map<DropReason, DatagramResult>();

function drop(reason: DropReason): DatagramResult {
  let result = drops.get(reason);
  if (result === undefined) {
    result = { kind: 'drop', reason };
    drops.set(reason, result);
  }
  return result;
}

const NOWHERE: RelaySource = { address: '', port: 0, socket: 0 };

export class RelayTable<Ticket> {
  readonly #crypto: RelayCrypto;
  readonly #mayRelayTo: AddressPolicy;
  readonly #hasVolume: () => boolean;
  readonly #cookies: BindCookies;
  readonly #capacity: CapacityGate;
  readonly #bindChallenges: PrefixLimiter;
  readonly #unboundChallenges: PrefixLimiter;
  readonly #book: FlowBook<Ticket>;
  readonly #legs: LegIndex<Ticket>;
  /** Used again for each datagram: an object for each would be most of the garbage of relaying one. */
  readonly #forwarded: { kind: 'forward'; to: RelaySource; datagram: Uint8Array } = {
    kind: 'forward',
    to: NOWHERE,
    datagram: new Uint8Array(0),
  };
  #nextSweepMs: number | null = null;

  constructor(options: {
    limits: RelayLimits;
    crypto: RelayCrypto;
    mayRelayTo: AddressPolicy;
    /** False while no new calls are taken, because of what has been relayed already. */
    hasVolume?: () => boolean;
    nowMs: number;
  }) {
    this.#book = new FlowBook(options.limits, options.crypto);
    this.#legs = this.#book.legs;
    this.#crypto = options.crypto;
    this.#mayRelayTo = options.mayRelayTo;
    this.#hasVolume = options.hasVolume ?? (() => true);
    this.#cookies = new BindCookies(options.crypto, options.nowMs);
    this.#capacity = new CapacityGate(options.limits.totalBytes, options.nowMs);
    this.#bindChallenges = new PrefixLimiter(options.limits.bindChallenges, options.nowMs);
    this.#unboundChallenges = new PrefixLimiter(options.limits.unboundChallenges, options.nowMs);
  }

  /** The operator allows more, or less: calls that are there go on, within the rate of all together. */
  changeLimits(limits: RelayLimits, nowMs: number): void {
    this.#book.changeLimits(limits);
    this.#capacity.changeRate(limits.totalBytes, nowMs);
  }

  /** Calls that both parties agreed on. */
  get allocations(): number {
    return this.#book.allocations;
  }

  /** Flows of softphones to themselves. */
  get loops(): number {
    return this.#book.loops;
  }

  /** Opens that wait for the other party. */
  get pending(): number {
    return this.#book.pending;
  }

  /** Calls over more than this supernode; `transits` are those between two others. */
  get overlay(): { flows: number; transits: number } {
    return this.#book.overlay;
  }

  /**
   * One half of each flow on which both parties sent something within the last `withinMs`: where there is one, that of a
   * softphone.
   */
  busyHalves(nowMs: number, withinMs: number): Leg<Ticket>[] {
    const isBusy = (leg: Leg<Ticket>) => nowMs - leg.lastPacketAtMs <= withinMs;
    return this.#legs.filter((leg) => {
      const { other } = leg;
      if (other === null || other === leg || !isBusy(leg) || !isBusy(other)) return false;
      const isFirst = leg.serial < other.serial;
      return (leg.neighbour === null) === (other.neighbour === null) ? isFirst : leg.neighbour === null;
    });
  }

  open(request: RelayRequest<Ticket>, nowMs: number): OpenResult<Ticket> {
    const isBusy = !this.#hasVolume() || this.#capacity.isBusy(nowMs);
    const before = this.#book.allocations;
    const result = this.#book.open(request, isBusy, nowMs);
    if (this.#book.allocations > before) this.#capacity.noteOpened(nowMs);
    this.#sweepFrom(nowMs);
    return result;
  }

  /**
   * A flow from a party to itself: what it sends comes back. Each owner has one; another one takes its place. Refused
   * never for lack of room: who is attached must be able to tell a busy relay from a dead one.
   */
  openLoop(
    request: { owner: number; party: string; flow: FlowId; ticket: Ticket },
    nowMs: number,
  ): OpenResult<Ticket> {
    const result = this.#book.openLoop(request, nowMs);
    this.#sweepFrom(nowMs);
    return result;
  }

  /** The owner is gone, or wants none any more. */
  closeLoop(owner: number): void {
    this.#book.closeLoop(owner);
  }

  #sweepFrom(nowMs: number): void {
    if (this.#legs.size > 0) this.#nextSweepMs ??= nowMs + SWEEP_INTERVAL_MS;
  }

  /** Whether the other party of a flow has bound from that IP address, and lets that be known. Of a neighbour that is no party's. */
  isPeerBoundFrom(half: HalfId, address: string): boolean {
    const other = this.#legs.find(half)?.other ?? null;
    if (other === null || !other.confirmable || other.source === null || other.neighbour !== null)
      return false;
    return !isConnection(other.source) && other.source.address === address;
  }

  /** The way of a flow that both parties have opened; null over this supernode alone, and without such a flow. */
  wayOf(half: HalfId): Way | null {
    const leg = this.#legs.find(half);
    return leg?.other == null ? null : leg.way;
  }

  /** Ends a flow that this party opened, for both. Null when there is none. */
  close(half: HalfId, options?: CloseOptions): ClosedHalf<Ticket> | null {
    return this.#book.close(half, options);
  }

  /** Ends every flow that goes over this supernode. */
  closeAllOf(neighbour: Neighbour): void {
    this.#book.closeAllOf(neighbour);
  }

  /** Drops what has expired. Returns the tickets of opens that the other party never answered. */
  handleTimeout(nowMs: number): { unanswered: Ticket[] } {
    if (this.#nextSweepMs === null || nowMs < this.#nextSweepMs) return { unanswered: [] };
    this.#capacity.handleTime(nowMs);
    const unanswered = this.#book.removeExpired(nowMs);
    this.#nextSweepMs = this.#legs.size > 0 ? nowMs + SWEEP_INTERVAL_MS : null;
    return { unanswered };
  }

  /** When {@link handleTimeout} has something to look at; null while the table is empty. */
  get nextDeadline(): number | null {
    return this.#nextSweepMs;
  }

  handleDatagram(source: RelaySource, datagram: Uint8Array, nowMs: number): DatagramResult {
    switch (datagram[0]) {
      case DatagramType.Media:
      case DatagramType.Check:
        return this.#forward(source, datagram, nowMs);
      case DatagramType.BindRequest: {
        const request = readBindRequest(datagram);
        return request === null ? drop('malformed') : this.#bind(source, request, datagram, nowMs);
      }
      default:
        return drop('malformed');
    }
  }

  #forward(source: RelaySource, datagram: Uint8Array, nowMs: number): DatagramResult {
    const { length } = datagram;
    if (length < MEDIA_HEADER_BYTES + TAG_BYTES || length > MAX_DATAGRAM_BYTES) return drop('malformed');
    // By hand: a DataView for each datagram would cost more than the look-up.
    const flowId = (datagram[1]! << 24) | (datagram[2]! << 16) | (datagram[3]! << 8) | datagram[4]!;
    const first = this.#legs.first(flowId);
    if (first === undefined) return drop('unknown-flow');
    let leg: Leg<Ticket> | undefined = first;
    while (leg !== undefined && !sendsFrom(leg, source)) leg = leg.nextOfFlow;
    if (leg === undefined) return this.#challengeUnbound(source, datagram, flowId >>> 0, nowMs);
    const wholeMs = Math.floor(nowMs);
    leg.lastPacketAtMs = wholeMs;
    const to = leg.other?.source ?? null;
    if (to === null) return drop('peer-unbound');
    if (!takeFrom(leg, length, wholeMs)) return drop('over-rate');
    const { neighbour } = leg;
    if (neighbour !== null && !neighbour.bytes.take(nowMs, length)) return drop('over-neighbour-rate');
    if (!this.#capacity.take(nowMs, length)) return drop('over-capacity');
    const forwarded = this.#forwarded;
    forwarded.to = to;
    forwarded.datagram = datagram;
    return forwarded;
  }

  /** Tells a client whose NAT gave it another port that it must bind again. */
  #challengeUnbound(
    source: RelaySource,
    datagram: Uint8Array,
    flowId: FlowId,
    nowMs: number,
  ): DatagramResult {
    // Supernodes do not bind.
    const mayBind = this.#legs.all(flowId).some(({ neighbour }) => neighbour === null);
    if (!mayBind || datagram.length < BIND_CHALLENGE_BYTES || !this.#mayRelayTo(source.address))
      return drop('unbound-source');
    if (!this.#unboundChallenges.take(source.address, nowMs)) return drop('challenge-limited');
    return this.#challenge(source, flowId, 0n, nowMs);
  }

  #challenge(source: RelaySource, flowId: FlowId, echo: bigint, nowMs: number): DatagramResult {
    const cookie = this.#cookies.make(source, flowId, nowMs);
    return { kind: 'reply', datagram: writeBindChallenge({ flowId, echo, cookie }) };
  }

  #bind(source: RelaySource, request: BindRequest, datagram: Uint8Array, nowMs: number): DatagramResult {
    const legs = this.#legs.all(request.flowId);
    if (legs.length === 0) return drop('unknown-flow');
    const leg = legs.find(
      (each) => each.other !== null && each.neighbour === null && this.#isMacOf(each, request, datagram),
    );
    if (!leg) return drop('bad-mac');
    if (!this.#mayRelayTo(source.address)) return drop('refused-address');
    if (!this.#cookies.verify(request.cookie, source, request.flowId, nowMs)) {
      if (!this.#bindChallenges.take(source.address, nowMs)) return drop('challenge-limited');
      return this.#challenge(source, request.flowId, request.sequence, nowMs);
    }
    const repeated = request.sequence === leg.lastSequence && leg.source && sameSource(leg.source, source);
    if (request.sequence <= leg.lastSequence && !repeated) return drop('old-sequence');
    // Two flows of one client with the same id could not be told apart.
    const taken = legs.some((other) => other !== leg && sendsFrom(other, source));
    if (taken) return drop('unbound-source');
    moveTo(leg, source);
    leg.lastSequence = request.sequence;
    leg.lastPacketAtMs = Math.floor(nowMs);
    const ack = writeBindAck({ flowId: request.flowId, sequence: request.sequence }, (bytes) =>
      this.#crypto.hmacSha256(this.#book.bindKeyOf(leg), bytes),
    );
    return { kind: 'reply', datagram: ack };
  }

  #isMacOf(leg: Leg<Ticket>, request: BindRequest, datagram: Uint8Array): boolean {
    const maced = datagram.subarray(0, BIND_REQUEST_MACED_BYTES);
    const mac = this.#crypto.hmacSha256(this.#book.bindKeyOf(leg), maced);
    return equalBytes(request.mac, mac.subarray(0, BIND_MAC_BYTES));
  }
}

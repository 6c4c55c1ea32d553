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
import { LegIndex } from './leg-index.ts';
import { LoopFlows } from './loop-flows.ts';
import { PendingLegs } from './pending-legs.ts';
import { PrefixLimiter } from './prefix-limiter.ts';
import {
  agree,
  isConnection,
  isExpired,
  join,
  type Leg,
  moveTo,
  newLeg,
  type RelayRequest,
  type RelaySource,
  sameSource,
  sendsFrom,
  takeFrom,
} from './relay-flows.ts';
import { LOOP_LIMITS, type RelayLimits } from './relay-limits.ts';
import { TokenBucket } from './token-bucket.ts';

/**
 * The flow table of a relay. Life cycle: both parties `open` -> each gets a bind key -> each binds its source (UDP, or
 * a connection that carries datagrams)
 * -> datagrams that match (source address, source port, flow id) are forwarded unchanged -> `close` or expiry.
 * Everything else is dropped and counted. Nothing here sends; the answers are values.
 */

export type OpenResult<Ticket> =
  /** `shed`: an open that had to make room, if any. */
  | { kind: 'waiting'; shed: Ticket | null }
  /** Who gets which bind key: both parties, or only the asker when it asks again. */
  | { kind: 'opened'; bindKeys: { ticket: Ticket; bindKey: Uint8Array }[] }
  | { kind: 'refused'; code: 'too-many-flows' | 'overloaded' | 'flow-in-use' };

export type DropReason =
  | 'malformed'
  | 'unknown-flow'
  | 'unbound-source'
  | 'peer-unbound'
  | 'over-rate'
  | 'over-capacity'
  | 'bad-mac'
  | 'old-sequence'
  | 'refused-address'
  | 'challenge-limited';

export type DatagramResult =
  | { kind: 'forward'; to: RelaySource; datagram: Uint8Array }
  /** Goes back to the source. Never longer than what drew it. */
  | { kind: 'reply'; datagram: Uint8Array }
  | { kind: 'drop'; reason: DropReason };

/** Flows with one id at most: more cannot happen by chance. */
const MAX_FLOWS_PER_ID = 8;
const SWEEP_INTERVAL_MS = 1000;
const BIND_KEY_BYTES = 32;
/** Below this level of the bucket for all bytes new calls are refused: new work is shed first. */
const BUSY_LEVEL = 0.25;

const drop = (reason: DropReason): DatagramResult => ({ kind: 'drop', reason });

export class RelayTable<Ticket> {
  readonly #limits: RelayLimits;
  readonly #crypto: RelayCrypto;
  readonly #mayRelayTo: AddressPolicy;
  readonly #cookies: BindCookies;
  readonly #capacity: TokenBucket;
  readonly #bindChallenges: PrefixLimiter;
  readonly #unboundChallenges: PrefixLimiter;
  readonly #bindSecret: Uint8Array;
  readonly #legs = new LegIndex<Ticket>();
  readonly #flowsByParty = new Map<string, number>();
  readonly #pending: PendingLegs<Ticket>;
  readonly #loops = new LoopFlows<Ticket>();
  #lastSerial = 0;
  #nextSweepMs: number | null = null;

  constructor(options: {
    limits: RelayLimits;
    crypto: RelayCrypto;
    mayRelayTo: AddressPolicy;
    nowMs: number;
  }) {
    this.#limits = options.limits;
    this.#pending = new PendingLegs(options.limits.maxPending);
    this.#crypto = options.crypto;
    this.#mayRelayTo = options.mayRelayTo;
    this.#bindSecret = options.crypto.randomBytes(BIND_KEY_BYTES);
    this.#cookies = new BindCookies(options.crypto, options.nowMs);
    this.#capacity = new TokenBucket(options.limits.totalBytes, options.nowMs);
    this.#bindChallenges = new PrefixLimiter(options.limits.bindChallenges, options.nowMs);
    this.#unboundChallenges = new PrefixLimiter(options.limits.unboundChallenges, options.nowMs);
  }

  /** Calls that both parties agreed on. */
  get allocations(): number {
    return (this.#legs.size - this.#pending.size - this.#loops.size) / 2;
  }

  /** Flows of softphones to themselves. */
  get loops(): number {
    return this.#loops.size;
  }

  /** Opens that wait for the other party. */
  get pending(): number {
    return this.#pending.size;
  }

  open(request: RelayRequest<Ticket>, nowMs: number): OpenResult<Ticket> {
    // One id for both directions cannot be told apart when both parties are the same user.
    if (request.sendFlow === request.receiveFlow) return { kind: 'refused', code: 'flow-in-use' };
    const { party, peer, receiveFlow, sendFlow } = request;
    const existing = this.#legs.find(party, receiveFlow, sendFlow);
    if (existing) return this.#openAgain(existing, request);
    const refused = this.#refusal(request, nowMs);
    if (refused) return { kind: 'refused', code: refused };
    const waiting = this.#legs.find(peer, sendFlow, receiveFlow);
    const other = waiting?.other === null && agree(request, waiting) ? waiting : null;
    const shed = other ? null : this.#pending.toShedFor(party);
    if (shed === 'refuse') return { kind: 'refused', code: 'overloaded' };
    if (shed) this.#remove(shed);
    const leg = newLeg(request, ++this.#lastSerial, this.#limits, Math.floor(nowMs));
    this.#add(leg, nowMs);
    if (!other) {
      this.#pending.add(leg);
      return { kind: 'waiting', shed: shed?.ticket ?? null };
    }
    this.#pending.delete(other);
    join(leg, other);
    return {
      kind: 'opened',
      bindKeys: [other, leg].map((l) => ({ ticket: l.ticket, bindKey: this.#bindKeyOf(l) })),
    };
  }

  /**
   * A flow from a party to itself: what it sends comes back. Each owner has one; another one takes its place. Refused
   * never for lack of room: who is attached must be able to tell a busy relay from a dead one.
   */
  openLoop(
    { owner, party, flow, ticket }: { owner: number; party: string; flow: FlowId; ticket: Ticket },
    nowMs: number,
  ): OpenResult<Ticket> {
    const request = { party, peer: party, receiveFlow: flow, sendFlow: flow, ticket };
    const existing = this.#legs.find(party, flow, flow);
    const sharing = this.#legs.all(flow).length;
    if (!existing && sharing >= MAX_FLOWS_PER_ID) return { kind: 'refused', code: 'flow-in-use' };
    if (this.#loops.of(owner) !== existing) this.closeLoop(owner);
    // The same softphone may ask on a new connection, before the old one is known to be dead.
    if (existing) {
      this.#loops.delete(existing);
      this.#loops.add(owner, existing);
      return this.#openAgain(existing, request);
    }
    const leg = newLeg(request, ++this.#lastSerial, LOOP_LIMITS, Math.floor(nowMs));
    leg.other = leg;
    this.#add(leg, nowMs);
    this.#loops.add(owner, leg);
    return { kind: 'opened', bindKeys: [{ ticket, bindKey: this.#bindKeyOf(leg) }] };
  }

  /** The owner is gone, or wants none any more. */
  closeLoop(owner: number): void {
    const leg = this.#loops.of(owner);
    if (leg) this.#remove(leg);
  }

  /** A party asks again, perhaps on a new control connection: the same key, while the flow lives. */
  #openAgain(leg: Leg<Ticket>, request: RelayRequest<Ticket>): OpenResult<Ticket> {
    if (leg.peer !== request.peer) return { kind: 'refused', code: 'flow-in-use' };
    leg.ticket = request.ticket;
    if (leg.other === null) return { kind: 'waiting', shed: null };
    return { kind: 'opened', bindKeys: [{ ticket: request.ticket, bindKey: this.#bindKeyOf(leg) }] };
  }

  /** Made anew each time: what is not kept takes no memory. */
  #bindKeyOf({ serial }: Leg<Ticket>): Uint8Array {
    return this.#crypto.hmacSha256(this.#bindSecret, new TextEncoder().encode(`bind key ${serial}`));
  }

  #refusal(
    request: RelayRequest<Ticket>,
    nowMs: number,
  ): 'too-many-flows' | 'overloaded' | 'flow-in-use' | null {
    const sharing = this.#legs.all(request.sendFlow).length;
    if (sharing >= MAX_FLOWS_PER_ID) return 'flow-in-use';
    if ((this.#flowsByParty.get(request.party) ?? 0) >= this.#limits.maxFlowsPerParty)
      return 'too-many-flows';
    const full = this.allocations >= this.#limits.maxAllocations;
    return full || this.#capacity.level(nowMs) < BUSY_LEVEL ? 'overloaded' : null;
  }

  /** Whether the other party of a flow has bound from that IP address. */
  isPeerBoundFrom(party: string, receiveFlow: FlowId, sendFlow: FlowId, address: string): boolean {
    const source = this.#legs.find(party, receiveFlow, sendFlow)?.other?.source ?? null;
    return source !== null && !isConnection(source) && source.address === address;
  }

  /** Ends a flow that this party opened, for both. False when there is none. */
  close(party: string, receiveFlow: FlowId, sendFlow: FlowId): boolean {
    const leg = this.#legs.find(party, receiveFlow, sendFlow);
    if (!leg) return false;
    this.#remove(leg);
    return true;
  }

  /** Drops what has expired. Returns the tickets of opens that the other party never answered. */
  handleTimeout(nowMs: number): { unanswered: Ticket[] } {
    const unanswered: Ticket[] = [];
    if (this.#nextSweepMs === null || nowMs < this.#nextSweepMs) return { unanswered };
    for (const leg of this.#legs.filter((each) => isExpired(each, nowMs))) {
      if (leg.other === null) unanswered.push(leg.ticket);
      this.#remove(leg);
    }
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
    if (!this.#capacity.take(nowMs, length)) return drop('over-capacity');
    return { kind: 'forward', to, datagram };
  }

  /** Tells a client whose NAT gave it another port that it must bind again. */
  #challengeUnbound(
    source: RelaySource,
    datagram: Uint8Array,
    flowId: FlowId,
    nowMs: number,
  ): DatagramResult {
    if (datagram.length < BIND_CHALLENGE_BYTES || !this.#mayRelayTo(source.address))
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
      (candidate) => candidate.other !== null && this.#isMacOf(candidate, request, datagram),
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
      this.#crypto.hmacSha256(this.#bindKeyOf(leg), bytes),
    );
    return { kind: 'reply', datagram: ack };
  }

  #isMacOf(leg: Leg<Ticket>, request: BindRequest, datagram: Uint8Array): boolean {
    const maced = datagram.subarray(0, BIND_REQUEST_MACED_BYTES);
    const mac = this.#crypto.hmacSha256(this.#bindKeyOf(leg), maced);
    return equalBytes(request.mac, mac.subarray(0, BIND_MAC_BYTES));
  }

  #add(leg: Leg<Ticket>, nowMs: number): void {
    this.#legs.add(leg);
    if (leg.other !== leg) this.#flowsByParty.set(leg.party, (this.#flowsByParty.get(leg.party) ?? 0) + 1);
    this.#nextSweepMs ??= nowMs + SWEEP_INTERVAL_MS;
  }

  /** Removes a flow, both halves of it. */
  #remove(leg: Leg<Ticket>): void {
    if (!this.#legs.delete(leg)) return;
    if (leg.other === leg) {
      this.#loops.delete(leg);
      return;
    }
    const flows = (this.#flowsByParty.get(leg.party) ?? 0) - 1;
    if (flows > 0) this.#flowsByParty.set(leg.party, flows);
    else this.#flowsByParty.delete(leg.party);
    if (leg.other === null) this.#pending.delete(leg);
    else this.#remove(leg.other);
  }
}

import type { FlowId } from '@overcall/wire';
import { isAt, type Neighbour } from './hop-neighbours.ts';
import { areMirrored, type Way } from './hop-way.ts';
import { IDLE_EXPIRY_MS, PENDING_EXPIRY_MS, type RelayLimits, UNBOUND_EXPIRY_MS } from './relay-limits.ts';
import type { Rate } from './token-bucket.ts';

/**
 * Source of a datagram. `socket` says on which of the relay's UDP sockets, or by which connection (datagrams over
 * TCP), it came and is carried along.
 */
export interface RelaySource {
  readonly address: string;
  readonly port: number;
  readonly socket: number;
}

/** Connections are numbered from here, and no number is used twice; below are UDP sockets. */
export const FIRST_CONNECTION = 1024;

export const isConnection = ({ socket }: RelaySource): boolean => socket >= FIRST_CONNECTION;

/** What one direction of a flow may carry. */
export type FlowLimits = Pick<RelayLimits, 'packets' | 'bytes'>;

/** Which half of a flow: who opened it, and its flow ids. */
export interface HalfId {
  /** Identity key id of the party. */
  party: string;
  /** The supernode that opened it in the name of the party; none when the party itself did. */
  neighbour?: Neighbour | null;
  /** Flow id that this party chose and receives on. */
  receiveFlow: FlowId;
  /** Flow id that the peer chose; this party sends with it. */
  sendFlow: FlowId;
}

/** One party's wish to exchange datagrams with another; `ticket` is given back with the answer. */
export interface RelayRequest<Ticket> extends HalfId {
  /** Identity key id of the other party. */
  peer: string;
  /** The way from the party to the peer, when it is one of several supernodes. */
  way?: Way | null;
  /** Null for what a neighbour opens. */
  ticket: Ticket | null;
  /** Whether the peer may have confirmed from where the party is bound. */
  confirmable?: boolean;
}

/**
 * One party's half of an allocation, and before the other party agrees, of a pending one. There are as many as there
 * are parties of calls, so it is kept small (bench/relay measures it): few objects, nothing that can be computed.
 */
export interface Leg<Ticket> extends RelayRequest<Ticket> {
  readonly neighbour: Neighbour | null;
  readonly way: Way | null;
  /** Flow ids are signed here: V8 keeps 32 bits with a sign without an object of their own. */
  readonly receiveFlow: FlowId;
  readonly sendFlow: FlowId;
  /** No other leg ever has it; the bind key comes from it. */
  readonly serial: number;
  /** Times are whole, as everything here that changes with each packet: V8 gives other numbers an object each. */
  readonly openedAtMs: number;
  readonly limits: FlowLimits;
  /** What it may send still, in thousandths, as of `refilledAtMs`: two token buckets ({@link takeFrom}). */
  packetMillis: number;
  byteMillis: number;
  refilledAtMs: number;
  /** The other party's half, or itself when it is a flow to oneself; null while the other has not agreed. */
  other: Leg<Ticket> | null;
  /** Proven source, where datagrams for this party go, or where a neighbour is; null before the first bind. */
  source: RelaySource | null;
  /** The one before, when that was over the other transport: what is still on its way is taken from there. */
  formerSource: RelaySource | null;
  lastSequence: bigint;
  lastPacketAtMs: number;
  confirmable: boolean;
  /** The next leg that sends on the same flow id (LegIndex). */
  nextOfFlow: Leg<Ticket> | undefined;
}

export function newLeg<Ticket>(
  request: RelayRequest<Ticket>,
  serial: number,
  limits: FlowLimits,
  nowMs: number,
): Leg<Ticket> {
  const { party, peer, receiveFlow, sendFlow, ticket, neighbour = null, way = null } = request;
  return {
    party,
    peer,
    neighbour,
    way,
    receiveFlow: receiveFlow | 0,
    sendFlow: sendFlow | 0,
    ticket,
    serial,
    openedAtMs: nowMs,
    limits,
    packetMillis: 1000 * limits.packets.burst,
    byteMillis: 1000 * limits.bytes.burst,
    refilledAtMs: nowMs,
    other: null,
    source: neighbour?.to ?? null,
    formerSource: null,
    lastSequence: -1n,
    lastPacketAtMs: nowMs,
    confirmable: request.confirmable ?? false,
    nextOfFlow: undefined,
  };
}

/** Both have agreed: they are halves of one allocation. */
export function join<Ticket>(a: Leg<Ticket>, b: Leg<Ticket>): void {
  a.other = b;
  b.other = a;
  // Equal, but each came in a message of its own: one of the two copies is let go.
  a.peer = b.party;
  b.peer = a.party;
}

/** Takes one packet of so many bytes from what a half may send; false when it is too much. */
export function takeFrom<Ticket>(leg: Leg<Ticket>, bytes: number, nowMs: number): boolean {
  const { limits } = leg;
  const elapsedMs = nowMs - leg.refilledAtMs;
  // A clock that steps back refills nothing.
  if (elapsedMs > 0) {
    leg.refilledAtMs = nowMs;
    leg.packetMillis = refill(leg.packetMillis, limits.packets, elapsedMs);
    leg.byteMillis = refill(leg.byteMillis, limits.bytes, elapsedMs);
  }
  if (leg.packetMillis < 1000) return false;
  leg.packetMillis -= 1000;
  if (leg.byteMillis < 1000 * bytes) return false;
  leg.byteMillis -= 1000 * bytes;
  return true;
}

/** A thousandth of the rate comes back each ms. */
const refill = (millis: number, { perSecond, burst }: Rate, elapsedMs: number): number =>
  Math.min(1000 * burst, millis + elapsedMs * perSecond);

/** Whether both ask for the same thing from the two ends. */
export function agree<Ticket>(a: RelayRequest<Ticket>, b: RelayRequest<Ticket>): boolean {
  const flowsAgree = (a.receiveFlow | 0) === (b.sendFlow | 0) && (a.sendFlow | 0) === (b.receiveFlow | 0);
  const partiesAgree = a.party === b.peer && a.peer === b.party;
  return partiesAgree && flowsAgree && areMirrored(a.way ?? null, b.way ?? null);
}

export function isExpired<Ticket>(leg: Leg<Ticket>, nowMs: number): boolean {
  const { other } = leg;
  if (other === null) return nowMs >= leg.openedAtMs + PENDING_EXPIRY_MS;
  if (leg.source === null || other.source === null) {
    return nowMs >= Math.max(leg.openedAtMs, other.openedAtMs) + UNBOUND_EXPIRY_MS;
  }
  return nowMs >= Math.max(leg.lastPacketAtMs, other.lastPacketAtMs) + IDLE_EXPIRY_MS;
}

export function sameSource(a: RelaySource, b: RelaySource): boolean {
  return a.port === b.port && a.address === b.address && a.socket === b.socket;
}

/** Whether datagrams of this half may come from there. */
export function sendsFrom<Ticket>(leg: Leg<Ticket>, source: RelaySource): boolean {
  const { source: own, formerSource, neighbour } = leg;
  if (own !== null && sameSource(own, source)) return true;
  if (neighbour !== null) return isAt(neighbour, source);
  return formerSource !== null && sameSource(formerSource, source);
}

/** From now on the party is there. Between UDP and TCP it moves make-before-break: the other one stays open to it. */
export function moveTo<Ticket>(leg: Leg<Ticket>, source: RelaySource): void {
  const before = leg.source;
  if (before !== null && isConnection(before) !== isConnection(source)) leg.formerSource = before;
  leg.source = source;
}

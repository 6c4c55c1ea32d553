import type { FlowId } from '@overcall/wire';
import { IDLE_EXPIRY_MS, PENDING_EXPIRY_MS, type RelayLimits, UNBOUND_EXPIRY_MS } from './relay-limits.ts';
import { TokenBucket } from './token-bucket.ts';

/**
 * Source of a datagram. `socket` says on which of the relay's UDP sockets, or by which connection (datagrams over
 * TCP), it came and is carried along.
 */
export interface RelaySource {
  address: string;
  port: number;
  socket: number;
}

/** Connections are numbered from here, and no number is used twice; below are UDP sockets. */
export const FIRST_CONNECTION = 1024;

export const isConnection = ({ socket }: RelaySource): boolean => socket >= FIRST_CONNECTION;

/** One party's wish to exchange datagrams with another; `ticket` is given back with the answer. */
export interface RelayRequest<Ticket> {
  /** Identity key ids. */
  party: string;
  peer: string;
  /** Flow id that this party chose and receives on. */
  receiveFlow: FlowId;
  /** Flow id that the peer chose; this party sends with it. */
  sendFlow: FlowId;
  ticket: Ticket;
}

/** One party's half of an allocation, and before the other party agrees, of a pending one. */
export interface Leg<Ticket> {
  readonly key: string;
  readonly request: RelayRequest<Ticket>;
  readonly bindKey: Uint8Array;
  readonly openedAtMs: number;
  readonly packets: TokenBucket;
  readonly bytes: TokenBucket;
  /** The other party's half, or itself when it is a flow to oneself; null while the other has not agreed. */
  other: Leg<Ticket> | null;
  /** Proven source, where datagrams for this party go; null before the first bind. */
  source: RelaySource | null;
  /** The one before, when that was over the other transport: what is still on its way is taken from there. */
  formerSource: RelaySource | null;
  lastSequence: bigint;
  lastPacketAtMs: number;
}

export function newLeg<Ticket>(
  request: RelayRequest<Ticket>,
  bindKey: Uint8Array,
  limits: Pick<RelayLimits, 'packets' | 'bytes'>,
  nowMs: number,
): Leg<Ticket> {
  return {
    key: legKey(request.party, request.receiveFlow, request.sendFlow),
    request,
    bindKey,
    openedAtMs: nowMs,
    packets: new TokenBucket(limits.packets, nowMs),
    bytes: new TokenBucket(limits.bytes, nowMs),
    other: null,
    source: null,
    formerSource: null,
    lastSequence: -1n,
    lastPacketAtMs: nowMs,
  };
}

export function legKey(party: string, receiveFlow: FlowId, sendFlow: FlowId): string {
  return `${party} ${receiveFlow} ${sendFlow}`;
}

/** Whether both ask for the same thing from the two ends. */
export function agree<Ticket>(a: RelayRequest<Ticket>, b: RelayRequest<Ticket>): boolean {
  return (
    a.party === b.peer && a.peer === b.party && a.receiveFlow === b.sendFlow && a.sendFlow === b.receiveFlow
  );
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
  return [leg.source, leg.formerSource].some((own) => own !== null && sameSource(own, source));
}

/** From now on the party is there. Between UDP and TCP it moves make-before-break: the other one stays open to it. */
export function moveTo<Ticket>(leg: Leg<Ticket>, source: RelaySource): void {
  const before = leg.source;
  if (before !== null && isConnection(before) !== isConnection(source)) leg.formerSource = before;
  leg.source = { ...source };
}

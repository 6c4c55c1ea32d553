import type { FlowId } from '@overcall/wire';
import { IDLE_EXPIRY_MS, PENDING_EXPIRY_MS, type RelayLimits, UNBOUND_EXPIRY_MS } from './relay-limits.ts';
import { TokenBucket } from './token-bucket.ts';

/** Source of a datagram. `socket` says on which of the relay's sockets it came and is carried along. */
export interface RelaySource {
  address: string;
  port: number;
  socket: number;
}

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
  /** The other party's half; null while it has not agreed. */
  other: Leg<Ticket> | null;
  /** Proven source; null before the first bind. */
  source: RelaySource | null;
  lastSequence: bigint;
  lastPacketAtMs: number;
}

export function newLeg<Ticket>(
  request: RelayRequest<Ticket>,
  bindKey: Uint8Array,
  limits: RelayLimits,
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

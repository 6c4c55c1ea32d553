import { BatchUdpSocket } from './batch-udp-socket.ts';
import { monotonicMs } from './clock.ts';
import { linuxCalls } from './linux-calls.ts';
import { type UdpAddress, type UdpCounts, UdpSocket } from './udp-socket.ts';

/** `plain` is Node's own UDP; `batch` many datagrams with each system call, where the system can do that. */
export type RelaySocketKind = 'plain' | 'batch';

/** The UDP socket of a relay: many datagrams from many senders, hardly any of which are looked at. */
export interface RelaySocket {
  readonly kind: RelaySocketKind;
  readonly counts: UdpCounts;
  readonly address: UdpAddress;
  /** Never throws: a datagram that cannot be sent is counted as lost. */
  send(datagram: Uint8Array, to: UdpAddress): void;
  close(): Promise<void>;
}

export interface RelaySocketHandlers<Source> {
  /** What the sender of a datagram is called; it may be remembered for later ones, and must not be changed. */
  sourceOf(address: string, port: number): Source;
  /** @param datagram its memory is used again after the call: who wants to keep it takes a copy */
  onDatagram(datagram: Uint8Array, source: Source, nowMs: number): void;
}

/** Why there is no `batch` here; null where there is. */
export async function batchTrouble(): Promise<string | null> {
  const calls = await linuxCalls();
  return typeof calls === 'string' ? calls : null;
}

/**
 * `batch` becomes `plain` where it is not possible ({@link batchTrouble}).
 * @throws an error with the code of the system, such as EADDRINUSE
 */
export async function bindRelaySocket<Source>(
  kind: RelaySocketKind,
  local: UdpAddress,
  handlers: RelaySocketHandlers<Source>,
): Promise<RelaySocket> {
  const calls = kind === 'batch' ? await linuxCalls() : kind;
  if (typeof calls !== 'string') return BatchUdpSocket.bind(calls, local, handlers);
  return UdpSocket.bind(local, (datagram, { address, port }) =>
    handlers.onDatagram(datagram, handlers.sourceOf(address, port), monotonicMs()),
  );
}

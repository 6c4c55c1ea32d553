import type { NatBehaviour } from '../nat-behaviour.ts';

/** A supernode that answers STUN. */
export interface DiscoveryServer {
  /** SHA-256 thumbprint of its identity key, 32 bytes. */
  keyId: Uint8Array;
  /** IPv4 `ip:port` of its main sockets, from the signed supernode list: no others are asked. */
  addresses: readonly string[];
}

export interface DiscoverySend {
  socket: number;
  to: string;
  datagram: Uint8Array;
}

/** What became known. Whatever was not tested, or not seen clearly, is unknown. */
export interface DiscoveryReport {
  nat: NatBehaviour;
  udp: 'open' | 'blocked' | 'unknown';
  /** Addresses, without ports, under which servers saw this host. */
  publicAddresses: string[];
  /** Whether two hosts behind the outermost NAT reach each other at its outside address. */
  hairpin: 'yes' | 'no' | 'unknown';
  /** To the nearest server; null when none answered. */
  rttMs: number | null;
  tookMs: number;
}

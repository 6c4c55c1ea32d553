/** Which destinations share one outside port (RFC 4787, 4.1); `none`: no NAT, servers see the socket's own address. */
export type MappingBehaviour = 'none' | 'eim' | 'adm' | 'apdm' | 'unknown';

/** Who may send to an outside port (RFC 4787, section 5): anyone, addresses contacted, addresses and ports contacted. */
export type FilteringBehaviour = 'eif' | 'adf' | 'apdf' | 'unknown';

/** The outside port that a new mapping gets (RFC 4787, 4.2). */
export type PortAllocation =
  | { kind: 'unknown' }
  /** That of the socket, when it is free. */
  | { kind: 'preserved' }
  /** The one before plus `step`. */
  | { kind: 'sequential'; step: number }
  /** Any port of a small range: the lowest and the highest that were seen. */
  | { kind: 'block'; first: number; last: number }
  /** Any port, as far as one can tell: the lowest and the highest that were seen. */
  | { kind: 'random'; first?: number; last?: number };

/** What is known of the NATs between a host and the Internet, together, for UDP over IPv4. What was not tested is `unknown`. */
export interface NatBehaviour {
  mapping: MappingBehaviour;
  filtering: FilteringBehaviour;
  ports: PortAllocation;
}

export const UNKNOWN_NAT: NatBehaviour = {
  mapping: 'unknown',
  filtering: 'unknown',
  ports: { kind: 'unknown' },
};

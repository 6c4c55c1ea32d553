export type MappingProtocol = 'pcp' | 'nat-pmp' | 'upnp-igd';

export interface PortMappingOptions {
  /** The IPv4 address that the gateway knows this machine by, and the port of the UDP socket. */
  insideAddress: string;
  insidePort: number;
  /** Asked for, s; a gateway may grant another. */
  lifetimeS: number;
  random(bytes: number): Uint8Array;
  nowMs: number;
}

export type PortMappingOutput =
  /** To port 5351 of the gateway. */
  | { type: 'send'; datagram: Uint8Array }
  /** Look whether the gateway speaks UPnP IGD; answer with `handleIgdFound` or not at all. */
  | { type: 'igd-find' }
  /** Map by UPnP IGD; answer with `handleIgdMapped` or `handleIgdRefused`. */
  | { type: 'igd-map'; outsidePort: number }
  | { type: 'igd-unmap'; outsidePort: number }
  /** Reachable from everywhere at this `ip:port` from now on. */
  | { type: 'mapped'; protocol: MappingProtocol; address: string }
  | { type: 'unmapped' };

/** What the gateway gave. */
export interface Mapping {
  protocol: MappingProtocol;
  outsideAddress: string;
  outsidePort: number;
  lifetimeS: number;
}

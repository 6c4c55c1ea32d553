import type { Endpoint } from '../probe/messages.ts';

/** From the prober inside to the responder outside: send this text there, from this one of your endpoints. */
export interface Knock {
  text: string;
  from: number;
  to: Endpoint;
}

/** What a NAT was seen to do when it was asked to map a port by one protocol. */
export interface PortMappingMeasurement {
  /** The outside address it told; null if it refused. */
  address: string | null;
  /** Whether a stranger reached the port while it was mapped, and after the mapping was deleted. */
  passed: { mapped: boolean; deleted: boolean };
}

/** By protocol; null where nobody answered. */
export type PortMappingMeasurements = Record<string, PortMappingMeasurement | null>;

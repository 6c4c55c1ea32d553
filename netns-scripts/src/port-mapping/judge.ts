import type { NatSpec } from '../spec.ts';
import type { PortMappingMeasurements } from './messages.ts';
import { canMapPorts, PORT_MAPPING_PROTOCOLS, type PortMappingProtocol } from './port-mapping-spec.ts';

/** What a NAT does when it is asked to map a port; protocols that it does not have are not in it. */
export type PortMappingBehaviour = Partial<Record<PortMappingProtocol, 'maps' | 'refuses'>>;

export function portMappingOf(measured: PortMappingMeasurements): PortMappingBehaviour {
  const entries = PORT_MAPPING_PROTOCOLS.flatMap((protocol) => {
    const one = measured[protocol];
    return one ? [[protocol, one.address === null ? 'refuses' : 'maps'] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** What the port mapping of a NAT does otherwise than its scenario says; nothing if it does as claimed. */
export function portMappingDifferences(claim: NatSpec, measured: PortMappingMeasurements): string[] {
  return PORT_MAPPING_PROTOCOLS.flatMap((protocol) => {
    const one = measured[protocol];
    if (!claim.portMapping?.includes(protocol)) return one ? [`it answers ${protocol}`] : [];
    if (!one) return [`it does not answer ${protocol}`];
    if (!canMapPorts(claim))
      return one.address === null ? [] : [`${protocol} maps ports at ${one.address}, which is not public`];
    if (one.address === null) return [`${protocol} refuses to map a port`];
    return [
      ...(one.address === claim.address
        ? []
        : [`${protocol} tells the address ${one.address}, not ${claim.address}`]),
      ...(one.passed.mapped ? [] : [`a stranger does not reach a port that ${protocol} has mapped`]),
      ...(one.passed.deleted ? [`a stranger still reaches a port that ${protocol} has deleted`] : []),
    ];
  });
}

import ipaddr from 'ipaddr.js';
import Type from 'typebox';
import type { NatSpec } from '../spec.ts';

export const PORT_MAPPING_PROTOCOLS = ['upnp-igd', 'nat-pmp', 'pcp'] as const;
export type PortMappingProtocol = (typeof PORT_MAPPING_PROTOCOLS)[number];

/** The field `portMapping` of a NAT. */
export const PortMapping = Type.Unsafe<PortMappingProtocol[]>({
  ...Type.Array(Type.Enum([...PORT_MAPPING_PROTOCOLS]), { minItems: 1, uniqueItems: true }),
  description:
    'Protocols by which a host inside opens a port for everyone: "upnp-igd", "nat-pmp" (RFC 6886), "pcp" ' +
    '(RFC 6887), served by miniupnpd. Behind another NAT and with an address that is not public, they refuse. ' +
    'A public NAT needs an ordinary unicast address, not a TEST-NET one.',
});

/** Whether the server opens ports: with a private or reserved address outside it only refuses. */
export const canMapPorts = ({ address }: Pick<NatSpec, 'address'>): boolean =>
  ipaddr.IPv4.parse(address).range() === 'unicast';

/** What is wrong with the port mapping of a NAT, by field; null if nothing is. */
export function portMappingProblem(nat: NatSpec): [field: 'address' | 'portMapping', message: string] | null {
  if (nat.portMapping === undefined) return null;
  if (nat.maxAgeS !== undefined) return ['portMapping', 'does not go together with "maxAgeS"'];
  // Behind a NAT that is what such servers meet, and they refuse; out in the open it would be a mistake.
  if (nat.behind === undefined && ipaddr.IPv4.isValid(nat.address) && !canMapPorts(nat))
    return [
      'address',
      `${nat.address} is private or reserved, and with such an address miniupnpd maps no ports; ` +
        'any ordinary unicast address will do (nothing leaves the lab), say 11.22.33.1',
    ];
  return null;
}

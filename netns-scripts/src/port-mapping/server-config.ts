import { createHash } from 'node:crypto';
import type { NatSpec } from '../spec.ts';

/** Of the description and the control of UPnP IGD, on the inside address; too low to be mapped by anyone. */
const HTTP_PORT = 1000;

/** Where NAT-PMP and PCP are served (RFC 6886 section 3.1, RFC 6887 section 19.1). */
export const PMP_PORT = 5351;

/** UPnP Device Architecture 2.0 section 1.3. */
export const SSDP_ADDRESS = '239.255.255.250';
export const SSDP_PORT = 1900;

/**
 * The configuration of miniupnpd for one NAT. Mappings live as long as was asked for, down to a second: routers
 * often insist on two minutes, but then a test of renewal would take as long. Without a lease file they are lost
 * when the router starts again.
 */
export function serverConfig(nat: NatSpec): string {
  const serves = (protocol: string) => nat.portMapping?.includes(protocol as 'pcp');
  const yes = (on: boolean | undefined) => (on ? 'yes' : 'no');
  return `ext_ifname=wan
listening_ip=lan
http_port=${HTTP_PORT}
enable_upnp=${yes(serves('upnp-igd'))}
enable_natpmp=${yes(serves('nat-pmp') || serves('pcp'))}
secure_mode=yes
system_uptime=no
min_lifetime=1
max_lifetime=86400
upnp_table_name=${TABLE}
upnp_nat_table_name=${TABLE}
upnp_forward_chain=mapped_forward
upnp_nat_chain=mapped
upnp_nat_postrouting_chain=mapped_out
uuid=${uuidOf(nat.name)}
friendly_name=${nat.name}
allow 1024-65535 ${nat.inside} 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`;
}

const TABLE = 'port_mapping';

function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** On connections that came in through a mapped port: the NAT does not learn from them. */
export const MAPPED_MARK = 1;

/**
 * The rules around those that miniupnpd adds to `mapped`; replaces what is there, and so forgets every mapped
 * port. They come before those of the NAT, so that a mapped port leads to its owner whatever the NAT has learned.
 */
export function portMappingRules(nat: NatSpec): string {
  if (nat.portMapping === undefined) return '';
  const unwanted = notServed(nat);
  return `table inet ${TABLE} {}
delete table inet ${TABLE}
table inet ${TABLE} {
  chain mapped {}
  chain mapped_forward {}
  chain mapped_out {}
  chain from_outside {
    type nat hook prerouting priority dstnat - 1;
    iifname "wan" ct mark set ${MAPPED_MARK} jump mapped
    ct mark set 0
  }
  chain requests {
    type filter hook input priority filter - 1;
    ${unwanted.map((version) => `udp dport ${PMP_PORT} ${version} counter drop`).join('\n    ')}
  }
  chain announcements {
    type filter hook output priority filter - 1;
    ${unwanted.map((version) => `udp sport ${PMP_PORT} ${version} counter drop`).join('\n    ')}
  }
}
`;
}

/**
 * miniupnpd serves NAT-PMP and PCP together or not at all. They share a port, and the first byte tells them apart:
 * a packet of the one that the NAT does not have dies on its way.
 */
function notServed({ portMapping = [] }: NatSpec): string[] {
  const firstByte = '@th,64,8';
  return [
    ...(portMapping.includes('nat-pmp') ? [] : [`${firstByte} 0`]),
    ...(portMapping.includes('pcp') ? [] : [`${firstByte} != 0`]),
  ];
}

import type { PortMappingProtocols } from '@overcall/net';
import type { DiscoveryReport, MappingLifetime } from '@overcall/traversal';

type Verdict = 'yes' | 'no' | 'unknown';

export const PORT_MAPPING_UNKNOWN: PortMappingProtocols = {
  upnp: 'unknown',
  natPmp: 'unknown',
  pcp: 'unknown',
};

/** What `doctor` found. Whatever was not tested is unknown. */
export interface Findings extends Omit<DiscoveryReport, 'rttMs' | 'tookMs'> {
  /** Whether the directory answers. */
  directory: 'reachable' | 'unreachable';
  /** Supernodes in the list. */
  supernodes: number;
  /** Control connections (TCP) to supernodes. */
  control: 'open' | 'blocked' | 'unknown';
  ipv6: { works: Verdict; publicAddress: string | null };
  /** What the router speaks; whether it has a public address to map a port at is not asked. */
  portMapping: PortMappingProtocols;
  /** How long mappings live without a packet; measured only when asked for. */
  mappingLifetime: MappingLifetime | 'unknown';
  rttMs: number | null;
  /** Without the time to get the supernode list. */
  tookMs: number;
}

/** A trouble, and what mends it. */
export interface Advice {
  trouble: string;
  fix: string;
}

type Rule = [trouble: string, fix: string, applies: (findings: Findings) => boolean];

const mapsByDestination = ({ nat }: Findings): boolean => nat.mapping === 'adm' || nat.mapping === 'apdm';
/** Where UDP is blocked a mapped port is of no use, and a symmetric NAT has advice of its own. */
const isBehindRouter = (findings: Findings): boolean =>
  !mapsByDestination(findings) && findings.nat.mapping !== 'none' && findings.udp !== 'blocked';
const mapsPorts = ({ portMapping }: Findings, verdict: Verdict): boolean =>
  Object.values(portMapping).includes(verdict);

const RULES: readonly Rule[] = [
  [
    'the directory does not answer',
    'check the address after --directory and the connection to the Internet; behind an HTTP proxy, name it in https_proxy',
    ({ directory }) => directory === 'unreachable',
  ],
  [
    'no supernodes are known, so nothing could be measured',
    'try again when the directory can be reached, or start a supernode: overcall-supernode run --help',
    ({ supernodes }) => supernodes === 0,
  ],
  [
    'UDP to the supernodes is blocked',
    'let UDP out, answers included, to the ports of the supernodes; without it calls go over TCP through a supernode, ' +
      'with more delay',
    ({ udp }) => udp === 'blocked',
  ],
  [
    'TCP to the supernodes is blocked: no calls can be placed or received',
    'let TCP out to the ports of the supernodes, or name an HTTP proxy that may connect to them in https_proxy',
    ({ control }) => control === 'blocked',
  ],
  [
    'what needs two supernodes, each with --stun-alt-port, could not be told',
    'start another supernode, with an alternate STUN port',
    ({ udp, nat }) => udp === 'open' && (nat.mapping === 'unknown' || nat.filtering === 'unknown'),
  ],
  [
    'the router gives every destination another port (symmetric NAT), which must be guessed: direct paths take longer',
    'turn on UPnP, NAT-PMP or PCP in the router, or "full cone" NAT, or use IPv6',
    (findings) =>
      mapsByDestination(findings) && findings.nat.ports.kind !== 'random' && !mapsPorts(findings, 'yes'),
  ],
  [
    'the router gives every destination another port at random (symmetric NAT): direct paths take seconds, and calls to ' +
      'others behind such a router are relayed',
    'turn on UPnP, NAT-PMP or PCP in the router, or "full cone" NAT, or use IPv6',
    (findings) =>
      mapsByDestination(findings) && findings.nat.ports.kind === 'random' && !mapsPorts(findings, 'yes'),
  ],
  [
    'the router maps no ports on request',
    'turn on UPnP, NAT-PMP or PCP in the router: with a mapped port calls are direct whatever the NAT on the other side does',
    (findings) => isBehindRouter(findings) && mapsPorts(findings, 'no') && !mapsPorts(findings, 'yes'),
  ],
  [
    'devices behind this router, or this carrier, do not reach each other at its public address',
    'turn on NAT loopback (hairpinning) in the router, if calls between them are relayed',
    ({ hairpin }) => hairpin === 'no',
  ],
  [
    'there is no working IPv6',
    'turn on IPv6 in the router or ask the provider for it: it needs no NAT, so calls are direct more often',
    ({ ipv6 }) => ipv6.works === 'no',
  ],
];

export function adviceFor(findings: Findings): Advice[] {
  return RULES.filter(([, , applies]) => applies(findings)).map(([trouble, fix]) => ({ trouble, fix }));
}

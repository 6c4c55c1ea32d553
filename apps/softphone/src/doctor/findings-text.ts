import type { PortAllocation } from '@overcall/traversal';
import { adviceFor, type Findings } from './findings.ts';

const MAPPING = {
  none: 'none: this machine has a public address',
  eim: 'endpoint-independent (eim)',
  adm: 'address-dependent (adm)',
  apdm: 'address- and port-dependent (apdm)',
  unknown: 'unknown',
} as const;
const FILTERING = {
  eif: 'endpoint-independent (eif): anyone is let in',
  adf: 'address-dependent (adf)',
  apdf: 'address- and port-dependent (apdf)',
  unknown: 'unknown',
} as const;

function portsText(ports: PortAllocation): string {
  if (ports.kind === 'sequential') return `sequential, step ${ports.step}`;
  if (ports.kind === 'block') return `from a block, seen ${ports.first} to ${ports.last}`;
  return ports.kind;
}

function lifetimeText(lifetime: Findings['mappingLifetime']): string {
  if (lifetime === 'unknown') return 'unknown (--lifetime measures it)';
  const { livesS, goneAfterS } = lifetime;
  return goneAfterS === null ? `more than ${livesS} s` : `between ${livesS} and ${goneAfterS} s`;
}

/** For people: a line for each finding, then the troubles. */
export function findingsText(findings: Findings): string {
  const { nat, publicAddresses, ipv6, portMapping, rttMs } = findings;
  const rows: [string, string][] = [
    ['Directory', findings.directory],
    ['Supernodes', String(findings.supernodes)],
    ['UDP', rttMs === null ? findings.udp : `${findings.udp}, nearest supernode ${rttMs} ms`],
    ['TCP', findings.control],
    ['Public address', publicAddresses.join(', ') || 'unknown'],
    ['NAT mapping', MAPPING[nat.mapping]],
    ['NAT filtering', FILTERING[nat.filtering]],
    ['Port allocation', portsText(nat.ports)],
    ['Hairpin', findings.hairpin],
    ['Mapping lifetime', lifetimeText(findings.mappingLifetime)],
    ['IPv6', ipv6.publicAddress === null ? ipv6.works : `${ipv6.works}, ${ipv6.publicAddress}`],
    ['Port mapping', `UPnP ${portMapping.upnp}, NAT-PMP ${portMapping.natPmp}, PCP ${portMapping.pcp}`],
  ];
  const advice = adviceFor(findings).map(({ trouble, fix }) => `! ${trouble}\n  -> ${fix}`);
  const table = rows.map(([name, value]) => `${`${name}:`.padEnd(18)}${value}`);
  return [...table, ...(advice.length > 0 ? ['', ...advice] : [])].join('\n');
}

import type { DropSpec, LabSpec } from './spec.ts';
import { addressesIn, usesIpv6 } from './wiring6.ts';

/**
 * A packet with fewer hops left than this dies in the middle, without a word. The lab has two or three hops
 * where the Internet has a dozen: a first packet with a low TTL, meant to open one's own NAT and go no further,
 * must not arrive (HyperDHT sends 5, frp 4 to 7).
 */
const INTERNET_HOPS = 12;

/** What vanishes in the middle; replaces the rules that are there. */
export const internetRules = (spec: LabSpec): string =>
  table('ip', 'ttl', spec) + (usesIpv6(spec) ? table('ip6', 'hoplimit', spec) : '');

function table(family: 'ip' | 'ip6', hops: string, spec: LabSpec): string {
  return `table ${family} nat_lab {}
delete table ${family} nat_lab
table ${family} nat_lab {
  chain forward {
    type filter hook forward priority filter;
    ${family} ${hops} < ${INTERNET_HOPS} counter drop
    ${(spec.drop ?? []).flatMap((drop) => dropRule(drop, family, spec)).join('\n    ')}
  }
}
`;
}

/** None where one end has no address in this family. */
function dropRule({ from, to, protocol, port }: DropSpec, family: 'ip' | 'ip6', spec: LabSpec): string[] {
  const source = match(`${family} saddr`, from, family, spec);
  const destination = match(`${family} daddr`, to, family, spec);
  if (source === null || destination === null) return [];
  const what =
    protocol === undefined
      ? ''
      : port === undefined
        ? `meta l4proto ${protocol} `
        : `${protocol} dport ${port} `;
  return [`${source}${destination}${what}counter drop`];
}

function match(field: string, name: string, family: 'ip' | 'ip6', spec: LabSpec): string | null {
  if (name === 'any') return '';
  const nodes = [...spec.hosts, ...(spec.nats ?? [])];
  const addresses = addressesIn(family, nodes.find((node) => node.name === name)!, nodes);
  return addresses.length === 0 ? null : `${field} { ${addresses.join(', ')} } `;
}

/** Where the lab's HTTP CONNECT proxy listens unless the scenario says otherwise. */
export const PROXY_PORT = 3128;

import { PROXY_PORT } from './internet-rules.ts';
import { type FirewallSpec, INTERNET, type LabSpec, throughNat64 } from './spec.ts';
import type { Node } from './wiring.ts';
import { addressesIn, usesIpv6 } from './wiring6.ts';

type Family = 'ip' | 'ip6';

/** What the firewalls of the nodes behind `place` (a NAT or the middle) let through; replaces what is there. */
export function firewallRules(spec: LabSpec, place: string): string {
  const nodes = [...spec.hosts, ...(spec.nats ?? [])];
  const guarded = (spec.firewalls ?? [])
    .map((firewall) => ({ firewall, node: nodes.find(({ name }) => name === firewall.at)! }))
    .filter(({ node }) => (node.behind ?? INTERNET) === place);
  const families: Family[] = usesIpv6(spec) ? ['ip', 'ip6'] : ['ip'];
  return families.map((family) => firewallTable(family, guarded, nodes)).join('');
}

function firewallTable(
  family: Family,
  guarded: readonly { firewall: FirewallSpec; node: Node }[],
  nodes: readonly Node[],
): string {
  const chains = guarded.flatMap(({ firewall, node }, index) => {
    const addresses = addressesIn(family, node, nodes);
    if (addresses.length === 0) return [];
    const set = `{ ${addresses.join(', ')} }`;
    const allowed = whatPasses(firewall, family, nodes);
    return {
      out: `${family} saddr ${set} goto out_${index}`,
      in: `${family} daddr ${set} ct state != { established, related } counter drop`,
      chain: `chain out_${index} { ct state established,related accept; ${allowed.join('; ')}; counter drop; }`,
    };
  });
  const clear = `table ${family} nat_lab_firewall {}\ndelete table ${family} nat_lab_firewall\n`;
  if (chains.length === 0) return clear;
  // A host's packets come in and go out here before or after translation: always with its own address.
  return `${clear}table ${family} nat_lab_firewall {
  ${chains.map(({ chain }) => chain).join('\n  ')}
  chain forward {
    type filter hook forward priority filter - 10;
    ${chains.flatMap((one) => [one.in, one.out]).join('\n    ')}
  }
}
`;
}

function whatPasses(
  { kind, proxy, proxyPort = PROXY_PORT }: FirewallSpec,
  family: Family,
  nodes: readonly Node[],
): string[] {
  switch (kind) {
    case 'udp-blocked':
      return ['meta l4proto udp counter drop', 'accept'];
    case 'tcp-443-only':
      return ['tcp dport 443 accept'];
    case '53-443-only':
      return ['meta l4proto { tcp, udp } th dport { 53, 443 } accept'];
    case 'http-connect-proxy': {
      const host = nodes.find(({ name }) => name === proxy);
      if (!host || 'inside' in host) return [];
      const { address, address6 } = host;
      const here = family === 'ip' ? [address] : [address6, address && throughNat64(address)];
      return here.flatMap((to) => (to ? [`${family} daddr ${to} tcp dport ${proxyPort} accept`] : []));
    }
  }
}

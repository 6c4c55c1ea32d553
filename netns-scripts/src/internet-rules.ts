import { type DropSpec, INTERNET, type LabSpec } from './spec.ts';

/**
 * A packet with fewer hops left than this dies in the middle, without a word. The lab has two or three hops
 * where the Internet has a dozen: a first packet with a low TTL, meant to open one's own NAT and go no further,
 * must not arrive (HyperDHT sends 5, frp 4 to 7).
 */
export const INTERNET_HOPS = 12;

/** What vanishes in the middle; replaces the rules that are there. */
export function internetRules(spec: LabSpec): string {
  const nodes = [...spec.hosts, ...(spec.nats ?? [])];
  const address = (field: string, name: string) =>
    name === 'any' ? '' : `ip ${field} ${nodes.find((node) => node.name === name)!.address} `;
  const protocol = ({ protocol, port }: DropSpec) => {
    if (protocol === undefined) return '';
    return port === undefined ? `meta l4proto ${protocol} ` : `${protocol} dport ${port} `;
  };
  const rules = (spec.drop ?? []).map(
    (drop) => `${address('saddr', drop.from)}${address('daddr', drop.to)}${protocol(drop)}counter drop`,
  );
  return `table ip nat_lab {}
delete table ip nat_lab
table ip nat_lab {
  chain forward {
    type filter hook forward priority filter;
    ip ttl < ${INTERNET_HOPS} counter drop
    ${rules.join('\n    ')}
  }
}
`;
}

/** What the firewalls of the nodes behind `place` (a NAT or the middle) let through; replaces what is there. */
export function firewallRules(spec: LabSpec, place: string): string {
  const nodes = [...spec.hosts, ...(spec.nats ?? [])];
  const addressOf = (name: string) => nodes.find((node) => node.name === name)!.address;
  const guarded = (spec.firewalls ?? []).filter(
    ({ at }) => (nodes.find(({ name }) => name === at)!.behind ?? INTERNET) === place,
  );
  const chains = guarded.map(({ at, kind, proxy, proxyPort = PROXY_PORT }, index) => {
    const allowed = {
      'udp-blocked': ['meta l4proto udp counter drop', 'accept'],
      'tcp-443-only': ['tcp dport 443 accept'],
      '53-443-only': ['meta l4proto { tcp, udp } th dport { 53, 443 } accept'],
      'http-connect-proxy':
        proxy === undefined ? [] : [`ip daddr ${addressOf(proxy)} tcp dport ${proxyPort} accept`],
    }[kind];
    return {
      out: `ip saddr ${addressOf(at)} goto out_${index}`,
      in: `ip daddr ${addressOf(at)} ct state != { established, related } counter drop`,
      chain: `chain out_${index} { ct state established,related accept; ${allowed.join('; ')}; counter drop; }`,
    };
  });
  const clear = 'table ip nat_lab_firewall {}\ndelete table ip nat_lab_firewall\n';
  if (chains.length === 0) return clear;
  // A host's packets come in and go out here before or after translation: always with its own address.
  return `${clear}table ip nat_lab_firewall {
  ${chains.map(({ chain }) => chain).join('\n  ')}
  chain forward {
    type filter hook forward priority filter - 10;
    ${chains.flatMap((one) => [one.in, one.out]).join('\n    ')}
  }
}
`;
}

/** Where the lab's HTTP CONNECT proxy listens unless the scenario says otherwise. */
export const PROXY_PORT = 3128;

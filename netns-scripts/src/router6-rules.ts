import { gateway6Of, type NatSpec, PROBE_NETWORK_6 } from './spec.ts';

/**
 * What a router does with IPv6: it forwards without translation, and what comes in unasked it turns away or not
 * (RFC 6092). What comes from its NAT64 has passed the filter of the NAT already.
 */
export function router6Rules(nat: NatSpec, generation: number): string {
  if (nat.inside6 === undefined) return '';
  return `table ip6 nat_lab {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ${nat.isolated ? 'iifname "lan" oifname "lan" drop' : ''}
    iifname "lan" accept
    ct state established,related accept
    iifname "nat64" oifname "lan" accept
    ${unasked(nat).join('\n    ')}
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    iifname "lan" ip6 daddr { ${gateway6Of(nat.inside6).address}, ${PROBE_NETWORK_6} } accept
    ct state established,related accept
  }
  chain generation { type filter hook prerouting priority raw; }
  chain generation_own { type filter hook output priority raw; }
}
${generation6Rules(nat, generation)}`;
}

function unasked({ firewall6 = 'stateful', inbound = 'drop' }: NatSpec): string[] {
  if (firewall6 === 'open') return ['iifname "wan" oifname "lan" accept'];
  if (inbound === 'drop') return ['iifname "wan" counter drop'];
  return [
    'iifname "wan" meta l4proto tcp reject with tcp reset',
    'iifname "wan" reject with icmpv6 type admin-prohibited',
  ];
}

/** After a rebind the firewall knows none of the flows from before: see generationRules in nat-rules.ts. */
export const generation6Rules = ({ inside6 }: NatSpec, generation: number): string =>
  inside6 === undefined
    ? ''
    : ['generation', 'generation_own']
        .map(
          (chain) =>
            `flush chain ip6 nat_lab ${chain}\nadd rule ip6 nat_lab ${chain} ct zone set ${generation}\n`,
        )
        .join('');

export const removeRouter6Rules = ({ inside6 }: NatSpec): string =>
  inside6 === undefined ? '' : 'table ip6 nat_lab {}\ndelete table ip6 nat_lab\n';

export const router6Sysctls = ({ inside6 }: NatSpec): [path: string, value: number][] =>
  inside6 === undefined
    ? []
    : [
        ['ipv6/conf/all/forwarding', 1],
        ['ipv6/icmp/ratelimit', 0],
      ];

import { learnedFlags, mappingLifetimeS, noteVerb, portRules } from './nat-ports.ts';
import { MAPPED_MARK, SSDP_ADDRESS, SSDP_PORT } from './port-mapping/server-config.ts';
import { generation6Rules, removeRouter6Rules, router6Rules, router6Sysctls } from './router6-rules.ts';
import { gatewayOf, type NatSpec, PROBE_NETWORK } from './spec.ts';

/**
 * The nftables rules that make a Linux router behave as one kind of NAT. Linux by itself maps every flow anew
 * (keeping the port when it can) and filters by address and port. The rest is learned: after translation, the
 * chain `learn` notes which outside port an inside endpoint got; `to_outside` then gives the next flow the same
 * port (mapping), and `from_outside` lets strangers in through it (filtering). Inside interface `lan`, outside `wan`.
 * @param neighbours inside addresses (see {@link portRules})
 * @param generation 1 at first; higher after every rebind, see {@link generationRules}
 */
export function natRules(nat: NatSpec, neighbours: readonly string[], generation = 1): string {
  const ports = portRules(nat, neighbours);
  const hairpinned = nat.hairpin
    ? `oifname "lan" meta l4proto udp ct status dnat ip saddr ${nat.inside} jump translate`
    : '';
  return `table ip nat_lab {
  ${[...learnedMaps(nat), ...ports.declarations].join('\n  ')}
  chain from_outside {
    type nat hook prerouting priority dstnat;
    ${fromOutside(nat).join('\n    ')}
  }
  chain to_outside {
    type nat hook postrouting priority srcnat;
    oifname "wan" ip saddr ${nat.inside} jump translate
    ${hairpinned}
  }
  chain translate {
    ${[...sharedPort(nat), ...ports.allocate].join('\n    ')}
    snat ip to ${nat.address}${nat.ports === 'random' ? ' random,fully-random' : ''}
  }
  chain learn {
    type filter hook postrouting priority srcnat + 50;
    ${nat.portMapping ? `ct mark ${MAPPED_MARK} accept` : ''}
    meta l4proto udp ct direction original ct original ip saddr ${nat.inside} jump learn_mapping
    meta l4proto udp ct direction reply ct status dnat ct reply ip saddr ${nat.inside} jump learn_answer
    ${hairpinFilter(nat).join('\n    ')}
  }
  chain learn_mapping {
    ${[...learn(nat, 'original'), ...ports.learn].join('\n    ')}
  }
  # A host that answers to who came in through its mapping keeps the mapping alive, too.
  chain learn_answer {
    ${[...learn(nat, 'reply'), ...ports.learn].join('\n    ')}
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state invalid drop
    iifname "lan" oifname "wan" accept
    ct state established,related accept
    ct status dnat accept
  }
  ${inbound(nat)}
  chain generation { type filter hook prerouting priority raw; }
  chain generation_own { type filter hook output priority raw; }
}
${generationRules(nat, generation)}${router6Rules(nat, generation)}`;
}

/**
 * Connections are tracked in a zone, and every rebind begins a new one: what was tracked before is then unknown,
 * as in a router that was switched off and on. A NAT whose mappings have a fixed age gives each inside endpoint a
 * zone of its own, which is forgotten at that age.
 */
function generationRules(nat: NatSpec, generation: number): string {
  const rules: string[] = [];
  if (nat.maxAgeS !== undefined)
    rules.push(
      'iifname "lan" meta l4proto udp add @zone_of { ip saddr . udp sport : numgen inc mod 30000 offset 30000 }',
      'iifname "lan" meta l4proto udp ct zone set ip saddr . udp sport map @zone_of',
      'iifname "wan" meta l4proto udp ct zone set udp dport map @zone_of_port',
    );
  rules.push(`ct zone set ${generation}`); // last, because the first zone that a packet gets stays
  return `flush chain ip nat_lab generation
flush chain ip nat_lab generation_own
${rules.map((rule) => `add rule ip nat_lab generation ${rule}`).join('\n')}
add rule ip nat_lab generation_own ct zone set ${generation}
`;
}

/** Forgets every mapping, but not which ports they had; and what the IPv6 firewall has seen. */
export function rebindRules(nat: NatSpec, generation: number): string {
  const names = learnedMaps(nat).map((line) => line.split(' ').slice(0, 2));
  return `${names.map(([kind, name]) => `flush ${kind} ip nat_lab ${name}`).join('\n')}
${generationRules(nat, generation)}${generation6Rules(nat, generation)}`;
}

/** A NAT fresh from the factory in place of the one that stands. */
export const replaceNatRules = (nat: NatSpec, neighbours: readonly string[], generation: number): string =>
  `table ip nat_lab {}\ndelete table ip nat_lab\n${removeRouter6Rules(nat)}${natRules(nat, neighbours, generation)}`;

export function natSysctls(nat: NatSpec): [path: string, value: number][] {
  return [
    ['ipv4/ip_forward', 1],
    // Every probe that is turned away must be answered, not one a second.
    ['ipv4/icmp_ratelimit', 0],
    // These exist once the rules have loaded connection tracking.
    ['netfilter/nf_conntrack_udp_timeout', mappingLifetimeS(nat)],
    ['netfilter/nf_conntrack_udp_timeout_stream', mappingLifetimeS(nat)],
    // A TCP connection that the NAT has forgotten is not taken up again in the middle.
    ['netfilter/nf_conntrack_tcp_loose', 0],
    ...router6Sysctls(nat),
  ];
}

/** What makes two flows of one inside endpoint share an outside port; null when they never do. */
function mappingKey(
  nat: NatSpec,
): { type: string; ofFlow: (direction: 'original' | 'reply') => string } | null {
  // Of a flow from inside that is its original source; of one from outside, the source of the answers.
  const endpoint = (direction: string) => `ct ${direction} ip saddr . ct ${direction} proto-src`;
  if (nat.mapping === 'apdm' || nat.poisonable) return null;
  if (nat.mapping === 'eim') return { type: 'ipv4_addr . inet_service', ofFlow: endpoint };
  return {
    type: 'ipv4_addr . inet_service . ipv4_addr',
    ofFlow: (direction) => `${endpoint(direction)} . ct ${direction} ip daddr`,
  };
}

function learnedMaps(nat: NatSpec): string[] {
  const key = mappingKey(nat);
  const flags = learnedFlags(nat);
  return [
    `map inside_of { type inet_service : ipv4_addr . inet_service; ${flags} }`,
    ...(key ? [`map port_of { type ${key.type} : inet_service; ${flags} }`] : []),
    ...(nat.filtering === 'adf' ? [`set contacted { type inet_service . ipv4_addr; ${flags} }`] : []),
    ...(nat.filtering === 'apdf' && nat.hairpin
      ? [`set contacted { type inet_service . ipv4_addr . inet_service; ${flags} }`]
      : []),
    ...(nat.maxAgeS === undefined
      ? []
      : [
          `map zone_of { typeof ip saddr . udp sport : ct zone; ${flags} }`,
          `map zone_of_port { typeof udp dport : ct zone; ${flags} }`,
        ]),
  ];
}

function fromOutside({ filtering, hairpin, address }: NatSpec): string[] {
  const inside = 'dnat ip to udp dport map @inside_of';
  // Whether a neighbour may come in that way is decided once it is known which port it comes from.
  const fromNeighbour = hairpin ? [`iifname "lan" ip daddr ${address} meta l4proto udp ${inside}`] : [];
  if (filtering === 'eif') return [`iifname "wan" meta l4proto udp ${inside}`, ...fromNeighbour];
  if (filtering === 'adf')
    return [`iifname "wan" udp dport . ip saddr @contacted ${inside}`, ...fromNeighbour];
  return fromNeighbour; // address and port: only replies, which connection tracking lets in by itself
}

/** The port that this flow shares with others of its inside endpoint, if they have one. */
function sharedPort(nat: NatSpec): string[] {
  const key = mappingKey(nat);
  return key ? [`meta l4proto udp snat ip to ${nat.address} : ${key.ofFlow('original')} map @port_of`] : [];
}

function learn(nat: NatSpec, direction: 'original' | 'reply'): string[] {
  const key = mappingKey(nat);
  const note = `meta l4proto udp ${noteVerb(nat)}`;
  const peer = {
    adf: `ct ${direction} ip daddr`,
    apdf: `ct ${direction} ip daddr . ct ${direction} proto-dst`,
  };
  const filtered = nat.filtering === 'adf' || (nat.filtering === 'apdf' && nat.hairpin);
  return [
    `${note} @inside_of { udp sport : ct ${direction} ip saddr . ct ${direction} proto-src }`,
    ...(key ? [`${note} @port_of { ${key.ofFlow(direction)} : udp sport }`] : []),
    ...(filtered ? [`${note} @contacted { udp sport . ${peer[nat.filtering as 'adf' | 'apdf']} }`] : []),
    ...(nat.maxAgeS === undefined ? [] : ['add @zone_of_port { udp sport : ct zone }']),
  ];
}

/**
 * A neighbour is a stranger like any other: its first packet opens its own mapping and is then let in, or not.
 * Dropped this late, it is not tracked.
 */
function hairpinFilter({ filtering, hairpin }: NatSpec): string[] {
  if (!hairpin || filtering === 'eif') return [];
  const from = filtering === 'adf' ? 'ip saddr' : 'ip saddr . udp sport';
  const fresh = 'oifname "lan" meta l4proto udp ct direction original ct status dnat ct state new';
  return [
    `${fresh} iifname "lan" ct original proto-dst . ${from} @contacted accept`,
    `${fresh} iifname "lan" counter drop`,
  ];
}

/**
 * What nobody asked for. Dropped or rejected here, it is not tracked. A bare Linux router has no such rule: the
 * probe reaches its own stack, stays tracked, and occupies the port for the mapping that comes later.
 */
function inbound({ inside, inbound = 'drop', poisonable, portMapping }: NatSpec): string {
  const refuse =
    inbound === 'drop'
      ? []
      : [
          'iifname "wan" meta l4proto tcp reject with tcp reset',
          'iifname "wan" reject with icmp port-unreachable',
        ];
  const silence =
    poisonable && inbound === 'drop'
      ? `chain silence {
    type filter hook output priority filter;
    oifname "wan" icmp type destination-unreachable drop
    oifname "wan" tcp flags & rst == rst drop
  }`
      : '';
  return `chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    iifname "lan" ip daddr { ${gatewayOf({ inside }).address}, ${PROBE_NETWORK} } accept
    ${portMapping ? `iifname "lan" ip daddr ${SSDP_ADDRESS} udp dport ${SSDP_PORT} accept` : ''}
    iifname "wan" ct state established,related accept
    ${poisonable ? 'iifname "wan" accept' : refuse.join('\n    ')}
  }
  ${silence}`;
}

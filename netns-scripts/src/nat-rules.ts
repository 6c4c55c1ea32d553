import { gatewayOf, type NatSpec } from './spec.ts';

/**
 * How long an idle mapping lives, seconds: the least that RFC 4787 section 4.3 (REQ-5) allows. Kept in three
 * places that must agree: the learned maps here and the two connection-tracking times of the kernel.
 */
export const MAPPING_LIFETIME_S = 120;

/**
 * The nftables rules that make a Linux router behave as one kind of NAT. Linux by itself maps every flow anew
 * (keeping the port when it can) and filters by address and port. The rest is learned: after translation, the
 * chain `learn` notes which outside port an inside endpoint got; `nat` then gives the next flow the same port
 * (mapping), and lets strangers in through it (filtering). Inside interface `lan`, outside `wan`.
 */
export function natRules(nat: NatSpec): string {
  return `table ip nat_lab {
  ${maps(nat).join('\n  ')}
  chain from_outside {
    type nat hook prerouting priority dstnat;
    ${fromOutside(nat)}
  }
  chain to_outside {
    type nat hook postrouting priority srcnat;
    ${toOutside(nat).join('\n    ')}
  }
  chain learn {
    type filter hook postrouting priority srcnat + 50;
    oifname "wan" meta l4proto udp ct direction original ${learn(nat).join(' ')}
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "lan" oifname "wan" accept
    iifname "wan" ct state established,related accept
    iifname "wan" ct status dnat accept
  }
  # What nobody asked for is dropped in silence before it is tracked for good. Otherwise a probe that arrives
  # before the first packet out would occupy that port and push the mapping to another one.
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    iifname "lan" ip daddr ${gatewayOf(nat).address} accept
    iifname "wan" ct state established,related accept
  }
}
`;
}

/** What makes two flows of one inside endpoint share an outside port; null when they never do. */
function mappingKey(nat: NatSpec): { type: string; ofPacket: string; ofFlow: string } | null {
  const endpoint = {
    type: 'ipv4_addr . inet_service',
    ofPacket: 'ip saddr . udp sport',
    ofFlow: 'ct original ip saddr . ct original proto-src',
  };
  if (nat.mapping === 'apdm') return null;
  if (nat.mapping === 'eim') return endpoint;
  return {
    type: `${endpoint.type} . ipv4_addr`,
    ofPacket: `${endpoint.ofPacket} . ip daddr`,
    ofFlow: `${endpoint.ofFlow} . ip daddr`,
  };
}

const LEARNED = `flags dynamic,timeout; timeout ${MAPPING_LIFETIME_S}s; size 65535;`;

function maps(nat: NatSpec): string[] {
  const key = mappingKey(nat);
  return [
    `map inside_of { type inet_service : ipv4_addr . inet_service; ${LEARNED} }`,
    ...(key ? [`map port_of { type ${key.type} : inet_service; ${LEARNED} }`] : []),
    ...(nat.filtering === 'adf' ? [`set contacted { type inet_service . ipv4_addr; ${LEARNED} }`] : []),
  ];
}

function fromOutside({ filtering }: NatSpec): string {
  const inside = 'dnat ip to udp dport map @inside_of';
  if (filtering === 'eif') return `iifname "wan" meta l4proto udp ${inside}`;
  if (filtering === 'adf') return `iifname "wan" udp dport . ip saddr @contacted ${inside}`;
  return ''; // address and port: only replies, which connection tracking lets in by itself
}

function toOutside(nat: NatSpec): string[] {
  const key = mappingKey(nat);
  const random = 'masquerade random,fully-random';
  return [
    ...(key
      ? [`oifname "wan" meta l4proto udp snat ip to ${nat.address} : ${key.ofPacket} map @port_of`]
      : []),
    // A port that another mapping has is not shared, not even towards different destinations (RFC 4787 REQ-3).
    ...(nat.ports === 'random' ? [] : [`oifname "wan" udp sport @inside_of ${random}`]),
    `oifname "wan" ${nat.ports === 'random' ? random : 'masquerade'}`,
  ];
}

function learn(nat: NatSpec): string[] {
  const key = mappingKey(nat);
  return [
    'update @inside_of { udp sport : ct original ip saddr . ct original proto-src }',
    ...(key ? [`update @port_of { ${key.ofFlow} : udp sport }`] : []),
    ...(nat.filtering === 'adf' ? ['update @contacted { udp sport . ip daddr }'] : []),
  ];
}

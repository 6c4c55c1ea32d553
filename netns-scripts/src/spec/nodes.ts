import Type, { type Static } from 'typebox';
import { PortMapping } from '../port-mapping/port-mapping-spec.ts';

/** Names become namespace names and appear in shell text: this pattern is what makes that safe. */
const Name = Type.String({ pattern: '^[a-z][a-z0-9-]{0,30}$' });

const choice = <const T extends string[]>(...words: T) => Type.Enum(words);

const closed = { additionalProperties: false } as const;

export const Host = Type.Object(
  {
    name: Name,
    address: Type.Optional(
      Type.String({
        description:
          'IPv4 address. On the public segment preferably from a TEST-NET range (RFC 5737). A host has this, ' +
          '"address6", or both.',
      }),
    ),
    address6: Type.Optional(
      Type.String({
        description:
          'IPv6 address, preferably from 2001:db8::/32 (RFC 3849), or a unique local one (RFC 4193). Behind a NAT in ' +
          'its "inside6".',
      }),
    ),
    behind: Type.Optional(
      Type.String({
        description: 'The NAT in front of this host; without one it stands on the public segment.',
      }),
    ),
  },
  closed,
);

const Ports = Type.Union(
  [
    Type.Literal('preserve'),
    Type.Literal('random'),
    Type.Literal('sequential'),
    Type.Object({ sequential: Type.Integer({ minimum: 1, maximum: 32, description: 'step' }) }, closed),
    Type.Object(
      { block: Type.Integer({ minimum: 8, maximum: 1024, description: 'ports of each inside address' }) },
      closed,
    ),
  ],
  {
    description:
      'The port a new mapping gets: "preserve" (the default: the inside port when it is free), "random", ' +
      '"sequential" or {"sequential": STEP} (one after the other), {"block": N} (random among the N of its inside address).',
  },
);

export const Nat = Type.Object(
  {
    name: Name,
    address: Type.String({
      description: 'Its address outside: public, or in the network of the NAT it is behind.',
    }),
    behind: Type.Optional(Type.String({ description: 'The NAT in front of this NAT.' })),
    inside: Type.String({
      description: 'The network inside, say 192.168.1.0/24. The NAT itself takes its first address.',
    }),
    inside6: Type.Optional(
      Type.String({
        description:
          'An IPv6 network inside, say 2001:db8:a::/64, routed to it and not translated. The router itself takes the ' +
          'first address.',
      }),
    ),
    firewall6: Type.Optional(
      Type.Unsafe<'stateful' | 'open'>({
        ...choice('stateful', 'open'),
        description:
          'What comes in over IPv6: "stateful" (the default; RFC 6092): only answers, the rest as "inbound" says; ' +
          '"open": everything.',
      }),
    ),
    nat64: Type.Optional(
      Type.Boolean({
        description:
          'Hosts with an address in "inside6" reach IPv4 under 64:ff9b::/96 (RFC 6052), mapped and filtered as this NAT ' +
          'does it. Needs "inside6". Default false.',
      }),
    ),
    mapping: Type.Unsafe<'eim' | 'adm' | 'apdm'>({
      ...choice('eim', 'adm', 'apdm'),
      description:
        'Which flows share one outside port (RFC 4787 section 4.1): all, those to one address, none.',
    }),
    filtering: Type.Unsafe<'eif' | 'adf' | 'apdf'>({
      ...choice('eif', 'adf', 'apdf'),
      description:
        'Who may send to that port (RFC 4787 section 5): anyone, contacted addresses, contacted address and port.',
    }),
    ports: Type.Optional(Ports),
    hairpin: Type.Optional(
      Type.Boolean({
        description:
          'Hosts inside reach each other through its outside address (RFC 4787 section 6), UDP only. Default false.',
      }),
    ),
    isolated: Type.Optional(
      Type.Boolean({
        description:
          'Hosts inside cannot reach each other directly, as in a guest network or behind a carrier. Default false.',
      }),
    ),
    lifetimeS: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3600,
        description: 'Seconds without a packet after which a UDP mapping dies. Default 120 (RFC 4787 REQ-5).',
      }),
    ),
    maxAgeS: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3600,
        description: 'Age at which a UDP mapping dies whatever the traffic; takes the place of lifetimeS.',
      }),
    ),
    inbound: Type.Optional(
      Type.Unsafe<'drop' | 'reject'>({
        ...choice('drop', 'reject'),
        description:
          'What becomes of packets that nobody asked for: silence (the default), or ICMP errors and TCP resets.',
      }),
    ),
    poisonable: Type.Optional(
      Type.Boolean({
        description:
          'As a bare Linux router: a probe that arrives before the first packet out occupies the port and pushes ' +
          'the mapping to another one. Needs mapping eim and ports preserve.',
      }),
    ),
    portMapping: Type.Optional(PortMapping),
  },
  closed,
);

const FIREWALL_KINDS = ['udp-blocked', 'tcp-443-only', '53-443-only', 'http-connect-proxy'] as const;

export const Firewall = Type.Object(
  {
    at: Type.String({ description: 'The host or NAT whose way out it guards.' }),
    kind: Type.Unsafe<(typeof FIREWALL_KINDS)[number]>({
      ...choice(...FIREWALL_KINDS),
      description:
        'No UDP; only TCP to port 443; only UDP and TCP to ports 53 and 443; only TCP to an HTTP CONNECT proxy. ' +
        'Answers pass, and nothing comes in unasked.',
    }),
    proxy: Type.Optional(
      Type.String({ description: 'For http-connect-proxy: the host on which the lab runs the proxy.' }),
    ),
    proxyPort: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'Default 3128.' })),
  },
  closed,
);

/** What vanishes in the middle; also the fields of the events `block` and `unblock`. */
export const dropFields = {
  from: Type.String({
    description: 'A public node, or "any". Seen from the middle: a NAT stands for all behind it.',
  }),
  to: Type.String({ description: 'A public node, or "any".' }),
  protocol: Type.Optional(
    Type.Unsafe<'udp' | 'tcp'>({ ...choice('udp', 'tcp'), description: 'Without it: every packet.' }),
  ),
  port: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 65535, description: 'Destination port; needs "protocol".' }),
  ),
};

export const Drop = Type.Object(dropFields, closed);

export type HostSpec = Static<typeof Host>;
export type NatSpec = Static<typeof Nat>;
export type FirewallSpec = Static<typeof Firewall>;
export type DropSpec = Static<typeof Drop>;

import ipaddr from 'ipaddr.js';
import Type, { type Static } from 'typebox';
import { Value } from 'typebox/value';
import { LabError } from './errors.ts';
import { checkLinks, NodeLink } from './links/link-spec.ts';

/** Names become namespace names and appear in shell text: this pattern is what makes that safe. */
const Name = Type.String({ pattern: '^[a-z][a-z0-9-]{0,30}$' });

const Host = Type.Object(
  {
    name: Name,
    /** IPv4 address. On the public segment preferably from a TEST-NET range (RFC 5737). */
    address: Type.String(),
    /** The NAT in front of this host; without one it stands on the public segment. */
    behind: Type.Optional(Name),
  },
  { additionalProperties: false },
);

const Nat = Type.Object(
  {
    name: Name,
    /** Its address outside: public, or inside the network of the NAT it is `behind`. */
    address: Type.String(),
    behind: Type.Optional(Name),
    /** The network inside, for instance 192.168.1.0/24. The NAT itself takes the first address. */
    inside: Type.String(),
    /** Which flows share one outside port (RFC 4787 section 4.1): all, those to one address, none. */
    mapping: Type.Union([Type.Literal('eim'), Type.Literal('adm'), Type.Literal('apdm')]),
    /** Who may answer to that port (RFC 4787 section 5): anyone, contacted addresses, contacted address and port. */
    filtering: Type.Union([Type.Literal('eif'), Type.Literal('adf'), Type.Literal('apdf')]),
    /** The port a new mapping gets: the inside port when it is free, or a random one. Default `preserve`. */
    ports: Type.Optional(Type.Union([Type.Literal('preserve'), Type.Literal('random')])),
  },
  { additionalProperties: false },
);

const Drop = Type.Object(
  {
    /** Names of public nodes, or `any`. Seen from the middle of the network: a NAT stands for all behind it. */
    from: Name,
    to: Name,
    protocol: Type.Optional(Type.Union([Type.Literal('udp'), Type.Literal('tcp')])),
    /** Destination port; needs `protocol`. */
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535 })),
  },
  { additionalProperties: false },
);

/** A network, as plain JSON. */
export const LabSpec = Type.Object(
  {
    hosts: Type.Array(Host),
    nats: Type.Optional(Type.Array(Nat)),
    /** Packets that vanish in the middle of the network, one direction each. */
    drop: Type.Optional(Type.Array(Drop)),
    /** Delay, loss, bandwidth and so on, between a node and whatever it stands behind. */
    links: Type.Optional(Type.Array(NodeLink)),
  },
  { additionalProperties: false },
);

export type HostSpec = Static<typeof Host>;
export type NatSpec = Static<typeof Nat>;
export type DropSpec = Static<typeof Drop>;
export type LabSpec = Static<typeof LabSpec>;

/** The node in the middle, which forwards between everything public; commands can run there too. */
export const INTERNET = 'internet';

function bad(where: string, what: string): never {
  throw new LabError('bad-scenario', `scenario: ${where}: ${what}`);
}

function checkAddress(where: string, text: string): ipaddr.IPv4 {
  // Anything but four decimal numbers (0x7f.1, 010.0.0.1) is refused: the text is passed on as it is.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) bad(where, `"${text}" is not an IPv4 address`);
  const address = ipaddr.IPv4.parse(text);
  // "reserved" holds the TEST-NET ranges. 169.254.0.1 is the next hop of everything public.
  if (!['unicast', 'private', 'carrierGradeNat', 'reserved'].includes(address.range()))
    bad(where, `${text} is not an address for a host (${address.range()})`);
  return address;
}

/** The first usable address of a network, which its NAT takes, and the prefix length. */
export function gatewayOf(nat: NatSpec): { address: string; prefixLength: number } {
  const [, prefixLength] = ipaddr.IPv4.parseCIDR(nat.inside);
  const bytes = ipaddr.IPv4.networkAddressFromCIDR(nat.inside).toByteArray();
  return { address: [...bytes.slice(0, 3), bytes[3]! + 1].join('.'), prefixLength };
}

/** @throws LabError `bad-scenario`, naming the field */
export function checkSpec(input: unknown): LabSpec {
  const [first] = Value.Errors(LabSpec, input);
  if (first?.keyword === 'boolean') bad(first.instancePath, 'unknown field');
  if (first) bad(first.instancePath || '/', first.message);
  const spec = input as LabSpec;
  const nats = spec.nats ?? [];
  const natByName = new Map(nats.map((nat) => [nat.name, nat]));
  const nodes = [
    ...spec.hosts.map((node, index) => ({ node, where: `/hosts/${index}` })),
    ...nats.map((node, index) => ({ node, where: `/nats/${index}` })),
  ];
  for (const [index, nat] of nats.entries()) checkInside(`/nats/${index}/inside`, nat.inside);

  const names = new Set([INTERNET, 'any']);
  const addresses = new Set<string>();
  for (const { node, where } of nodes) {
    if (names.has(node.name)) bad(`${where}/name`, `"${node.name}" is taken`);
    names.add(node.name);
    const address = checkAddress(`${where}/address`, node.address);
    const key = `${node.behind ?? ''} ${address}`;
    if (addresses.has(key)) bad(`${where}/address`, `${address} is taken`);
    addresses.add(key);
    if (node.behind !== undefined) checkBehind(where, node.name, address, natByName, node.behind);
  }
  for (const [index, drop] of (spec.drop ?? []).entries()) checkDrop(`/drop/${index}`, drop, nodes);
  checkLinks(spec.links ?? [], new Set(nodes.map(({ node }) => node.name)), bad);
  return spec;
}

function checkInside(where: string, cidr: string): void {
  const [address = '', prefixLength = ''] = cidr.split('/');
  checkAddress(where, address);
  if (!/^\d+$/.test(prefixLength) || Number(prefixLength) < 8 || Number(prefixLength) > 29)
    bad(where, `"${cidr}" is not a network with a prefix of 8 to 29 bits`);
  const network = ipaddr.IPv4.networkAddressFromCIDR(cidr).toString();
  if (network !== address) bad(where, `"${cidr}" is not the first address of its network (${network})`);
}

function checkBehind(
  where: string,
  name: string,
  address: ipaddr.IPv4,
  natByName: ReadonlyMap<string, NatSpec>,
  behind: string,
): void {
  const nat = natByName.get(behind) ?? bad(`${where}/behind`, `there is no NAT "${behind}"`);
  if (!address.match(ipaddr.IPv4.parseCIDR(nat.inside)))
    bad(`${where}/address`, `${address} is not in ${nat.inside}, the network inside "${behind}"`);
  if (gatewayOf(nat).address === address.toString())
    bad(`${where}/address`, `${address} is the inside address of "${behind}" itself`);
  const seen = new Set([name]);
  for (let up: NatSpec | undefined = nat; up; up = natByName.get(up.behind ?? '')) {
    if (seen.has(up.name)) bad(`${where}/behind`, `the NATs stand behind each other in a circle`);
    seen.add(up.name);
  }
}

function checkDrop(where: string, drop: DropSpec, nodes: { node: HostSpec | NatSpec }[]): void {
  for (const end of ['from', 'to'] as const) {
    const known = nodes.some(({ node }) => node.name === drop[end] && node.behind === undefined);
    if (drop[end] !== 'any' && !known) bad(`${where}/${end}`, `"${drop[end]}" is not a public node`);
  }
  if (drop.port !== undefined && drop.protocol === undefined) bad(`${where}/port`, 'needs "protocol"');
}

import type { LabSpec, NatSpec } from '../spec.ts';

/** Answers of `overcall doctor`, by the names that {@link answersOf} gives them. */
export type Answers = Record<string, unknown>;

/** What lost packets may leave unknown; packets to the router are not lost on the way. */
const BY_FAR = [
  'udp',
  'mapping',
  'filtering',
  'ports',
  'hairpin',
  'publicAddress',
  'ipv6',
  'control',
  'directory',
];
/** What is said of an Internet that did not answer in five seconds, and is true as far as anybody can see. */
const SILENT = ['unknown', '', 'unreachable'];

/** Every NAT between a host and the Internet, the nearest one first. */
export function natsOf(spec: LabSpec, host: string): NatSpec[] {
  const nats: NatSpec[] = [];
  let behind = spec.hosts.find(({ name }) => name === host)?.behind;
  while (behind !== undefined) {
    const nat = spec.nats!.find(({ name }) => name === behind)!;
    nats.push(nat);
    behind = nat.behind;
  }
  return nats;
}

/** What `overcall doctor` must answer at a host, from what the scenario says; nothing of what cannot be told. */
export function truthOf(spec: LabSpec, host: string): Answers {
  const common = { directory: 'reachable', control: 'open' };
  return { ...common, ...ipv6Of(spec, host), ...natOf(spec, host), ...portMappingOf(spec, host) };
}

/** What `overcall doctor` answered otherwise than it should, in words; nothing when all is right. */
export function faultsOf(found: object, spec: LabSpec, host: string): string[] {
  const answers = answersOf(found);
  const isLossy = (spec.links ?? []).some(({ lossPct, up, down }) => lossPct || up?.lossPct || down?.lossPct);
  const isExcused = (word: string) =>
    isLossy && BY_FAR.includes(word) && SILENT.includes(String(answers[word] ?? ''));
  return Object.entries(truthOf(spec, host)).flatMap(([word, truth]) =>
    answers[word] === truth || isExcused(word) ? [] : [`${word} is ${truth}, not ${answers[word]}`],
  );
}

/** The `doctor` event as one flat list. */
function answersOf(found: object): Answers {
  const { ports, publicAddresses, ipv6, portMapping, ...rest } = found as Record<string, unknown>;
  const { works, publicAddress: ipv6Address } = (ipv6 ?? {}) as Record<string, unknown>;
  return {
    ...rest,
    ...((portMapping ?? {}) as object),
    ports: (ports as { kind?: string } | undefined)?.kind,
    publicAddress: Array.isArray(publicAddresses) ? publicAddresses.join() : undefined,
    ipv6: works,
    ipv6Address,
  };
}

const hostOf = (spec: LabSpec, host: string) => spec.hosts.find(({ name }) => name === host)!;

const isUdpBlocked = (spec: LabSpec, host: string): boolean => {
  const way = [host, ...natsOf(spec, host).map(({ name }) => name)];
  return (spec.firewalls ?? []).some(({ at }) => way.includes(at));
};

const strictest = <T>(order: readonly T[], found: readonly T[]): T =>
  found.reduce((a, b) => (order.indexOf(a) > order.indexOf(b) ? a : b));

const PORT_KINDS = { preserve: 'preserved', random: 'random', sequential: 'sequential' } as const;

function natOf(spec: LabSpec, host: string): Answers {
  const nats = natsOf(spec, host);
  if (isUdpBlocked(spec, host)) {
    const unknown = { mapping: 'unknown', filtering: 'unknown', ports: 'unknown', hairpin: 'unknown' };
    return { udp: 'blocked', ...unknown, publicAddress: '' };
  }
  const { address } = nats.at(-1) ?? hostOf(spec, host);
  const open = { udp: 'open', publicAddress: address };
  if (nats.length === 0) return { ...open, mapping: 'none', ports: 'preserved' };
  const ports =
    nats.map((nat) => nat.ports ?? 'preserve').findLast((each) => each !== 'preserve') ?? 'preserve';
  const mapping = strictest(
    ['eim', 'adm', 'apdm'],
    nats.map((nat) => nat.mapping),
  );
  const filtering = strictest(
    ['eif', 'adf', 'apdf'],
    nats.map((nat) => nat.filtering),
  );
  const hairpin = nats.at(-1)!.hairpin ? 'yes' : 'no';
  return {
    ...open,
    mapping,
    filtering,
    ports: typeof ports === 'string' ? PORT_KINDS[ports] : 'block' in ports ? 'block' : 'sequential',
    // Elsewhere a packet that came back would be kept out all the same.
    ...(mapping === 'eim' || filtering === 'eif' ? { hairpin } : {}),
  };
}

function ipv6Of(spec: LabSpec, host: string): Answers {
  const { address6 } = hostOf(spec, host);
  const isAsked = spec.hosts.some((each) => each.name.startsWith('supernode') && each.address6 !== undefined);
  if (address6 === undefined) return { ipv6: 'no', ipv6Address: null };
  if (!isAsked) return { ipv6: 'unknown', ipv6Address: null };
  return isUdpBlocked(spec, host)
    ? { ipv6: 'no', ipv6Address: null }
    : { ipv6: 'yes', ipv6Address: address6 };
}

function portMappingOf(spec: LabSpec, host: string): Answers {
  const [gateway] = natsOf(spec, host);
  const { portMapping = [] } = gateway ?? {};
  const isTranslated = gateway !== undefined && hostOf(spec, host).address !== undefined;
  const speaks = (protocol: (typeof portMapping)[number]) =>
    !isTranslated ? 'unknown' : portMapping.includes(protocol) ? 'yes' : 'no';
  return { upnp: speaks('upnp-igd'), natPmp: speaks('nat-pmp'), pcp: speaks('pcp') };
}

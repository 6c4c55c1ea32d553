import type { Random } from './random.ts';
import type {
  Filtering,
  HostSpec,
  Mapping,
  NatKind,
  NatSpec,
  NodeLinkSpec,
  Ports,
  Scenario,
} from './scenario.ts';

const MAPPINGS: readonly Mapping[] = ['eim', 'adm', 'apdm'];
const FILTERINGS: readonly Filtering[] = ['eif', 'adf', 'apdf'];

/** A NAT of any kind; each behaviour is as likely as its alternatives. */
function randomNatKind(random: Random): NatKind {
  const kind: NatKind = { mapping: random.pick(MAPPINGS), filtering: random.pick(FILTERINGS) };
  const ports = randomPorts(random);
  if (ports !== 'preserve') kind.ports = ports;
  if (random.happens(30)) kind.hairpin = true;
  if (random.happens(20)) kind.lifetimeS = random.pick([10, 15, 30, 60, 300]);
  if (random.happens(5)) kind.maxAgeS = random.pick([20, 60, 300]);
  if (random.happens(25)) kind.inbound = 'reject';
  if (random.happens(30)) kind.filtering6 = random.pick(FILTERINGS);
  if (kind.mapping === 'eim' && ports === 'preserve' && !kind.hairpin && random.happens(30))
    kind.poisonable = true;
  return kind;
}

function randomPorts(random: Random): Ports {
  const step = random.pick([1, 1, 2, 4]);
  const block = random.pick([64, 256, 512, 1024]);
  return random.pick<Ports>(['preserve', 'random', 'sequential', { sequential: step }, { block }]);
}

/** Where alice and bob are. */
type Situation = (random: Random, hosts: [HostSpec, HostSpec]) => NatSpec[];

const home = (name: string, index: number, kind: NatKind): NatSpec => ({
  name,
  address: `198.51.100.${1 + index}`,
  inside: `192.168.${1 + index}.0/24`,
  ...kind,
});

const carrier = (name: string, index: number, kind: NatKind): NatSpec => ({
  ...home(name, 10 + index, { ...kind, isolated: true }),
  inside: `100.64.${index}.0/24`,
});

const put = (host: HostSpec, behind: string, address: string): void => {
  host.behind = behind;
  host.address = address;
};

const ownHomes: Situation = (random, hosts) =>
  hosts.map((host, index) => {
    put(host, `nat-${index}`, `192.168.${1 + index}.10`);
    return home(`nat-${index}`, index, randomNatKind(random));
  });

/** The other one is on the public segment. */
const onePublic: Situation = (random, hosts) => {
  const index = random.below(2);
  put(hosts[index]!, 'nat-0', '192.168.1.10');
  return [home('nat-0', 0, randomNatKind(random))];
};

const sameHome: Situation = (random, hosts) => {
  for (const [index, host] of hosts.entries()) put(host, 'nat-0', `192.168.1.${10 + index}`);
  return [home('nat-0', 0, { ...randomNatKind(random), isolated: random.happens(50) })];
};

/** Each behind a home router; one or both of these behind a carrier, perhaps the same. */
const carriers: Situation = (random, hosts) => {
  const homes = ownHomes(random, hosts);
  const shared = random.happens(50);
  const cgns = [0, 1]
    .slice(0, shared ? 1 : 2)
    .map((index) => carrier(`carrier-${index}`, index, randomNatKind(random)));
  for (const [index, nat] of homes.entries()) {
    if (!shared && index === 1 && random.happens(50)) continue;
    const cgn = shared ? cgns[0]! : cgns[index]!;
    nat.behind = cgn.name;
    nat.address = cgn.inside.replace('0/24', String(10 + index));
  }
  return [...homes, ...cgns];
};

const SITUATIONS: readonly Situation[] = [ownHomes, ownHomes, ownHomes, carriers, sameHome, onePublic];

/**
 * Alice and bob somewhere, and two public servers, `supernode` and `supernode-b`. About one pair in ten has IPv6 at both
 * ends, one in twenty has its UDP blocked at one end, and one in twenty a direct path cut one way.
 */
export function randomPair(random: Random): Scenario {
  const hosts: [HostSpec, HostSpec] = [
    { name: 'alice', address: '203.0.113.1' },
    { name: 'bob', address: '203.0.113.2' },
  ];
  const nats = random.pick(SITUATIONS)(random, hosts);
  const scenario: Scenario = {
    hosts: [
      ...hosts,
      { name: 'supernode', address: '203.0.113.20' },
      { name: 'supernode-b', address: '203.0.113.30' },
    ],
    nats,
    links: hosts.map(({ name }) => randomLink(random, name)),
  };
  for (const [index, host] of hosts.entries())
    if (random.happens(33)) host.address6 = `2001:db8:${1 + index}::10`;
  const outermost = (host: HostSpec): string => {
    let at = host.name;
    for (let behind = host.behind; behind !== undefined; ) {
      at = behind;
      behind = nats.find(({ name }) => name === at)?.behind;
    }
    return at;
  };
  if (random.happens(5)) scenario.firewalls = [{ at: random.pick(hosts).name, kind: 'udp-blocked' }];
  const [a, b] = hosts.map(outermost) as [string, string];
  if (a !== b && random.happens(5))
    scenario.drop = [random.happens(50) ? { from: a, to: b } : { from: b, to: a }];
  return scenario;
}

function randomLink(random: Random, node: string): NodeLinkSpec {
  const link: NodeLinkSpec = { node, delayMs: random.between(1, 80) };
  if (random.happens(50)) link.jitterMs = random.between(1, 10);
  if (random.happens(30)) link.lossPct = random.pick([0.5, 1, 3]);
  return link;
}

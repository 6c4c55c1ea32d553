import { LabError } from '../errors.ts';
import type { Ground } from '../ground.ts';
import { firstLine, ownProgram } from '../own-program.ts';
import { type PortMappingBehaviour, portMappingDifferences, portMappingOf } from '../port-mapping/judge.ts';
import type { PortMappingMeasurements } from '../port-mapping/messages.ts';
import { measurePortMapping } from '../port-mapping/prove.ts';
import {
  INTERNET,
  type LabSpec,
  NAT64_PREFIX,
  type NatSpec,
  probeAddresses,
  probeAddresses6,
} from '../spec.ts';
import { isVantage, isVantage6, type Node, placeNumber } from '../wiring.ts';
import {
  behaviourOf,
  differences,
  differences6,
  type Ipv6Behaviour,
  ipv6BehaviourOf,
  type NatBehaviour,
} from './judge.ts';
import type { Measurement } from './messages.ts';

/** What a NAT was seen to do. */
export interface Proof extends NatBehaviour {
  nat: string;
  /** The node from which it was measured. */
  from: string;
  /** What it does when it is asked to map a port; absent from NATs without port mapping. */
  portMapping?: PortMappingBehaviour;
  /** What it does with IPv6 that it routes; null where it routes none. */
  ipv6: Ipv6Behaviour | null;
}

/**
 * Measures every NAT from inside, all at once, with a responder directly outside of it, and compares with what
 * the scenario says.
 * @throws LabError `nat-not-as-claimed`; `lab-setup-failed` if it cannot be measured
 */
export async function proveNats(ground: Ground, spec: LabSpec, nodes: readonly Node[]): Promise<Proof[]> {
  const nats = spec.nats ?? [];
  const outsides = [...new Set(nats.map(({ behind }) => behind ?? INTERNET))];
  const responders = outsides.map((place) => {
    const number = placeNumber(place, nats);
    const ipv6 = nats.some(({ behind, inside6 }) => (behind ?? INTERNET) === place && inside6 !== undefined);
    const addresses = [...probeAddresses(number), ...(ipv6 ? probeAddresses6(number) : [])];
    return ground.spawnOwn(place, [...ownProgram('probe/responder'), ...addresses]);
  });
  try {
    await Promise.all(responders.map((child) => firstLine(child, 'the responder')));
    const measured = nats.map(async (nat) => {
      const outside = nat.behind ?? INTERNET;
      const from = vantage(nat, nodes, (node) => isVantage(node, nat, spec));
      const [behaviour, ipv6, portMapping] = await Promise.all([
        measure(ground, nat, from.name, probeAddresses(placeNumber(outside, nats))),
        nat.inside6 === undefined ? null : proveIpv6(ground, nat, spec, nodes),
        nat.portMapping && measurePortMapping(ground, nat, from, responders[outsides.indexOf(outside)]!),
      ]);
      return { nat, from: from.name, behaviour, ipv6, portMapping };
    });
    const all = await Promise.all(measured);
    const wrong = all.flatMap(({ nat, behaviour, ipv6, portMapping }) =>
      [
        ...differences(nat, behaviour),
        ...(ipv6 ? differences6(nat, ipv6) : []),
        ...(portMapping ? portMappingDifferences(nat, portMapping) : []),
      ].map((difference) => `NAT "${nat.name}": ${difference}`),
    );
    if (wrong.length > 0) throw new LabError('nat-not-as-claimed', wrong.join('\n'));
    return all.map(proofOf);
  } finally {
    for (const child of responders) child.kill('SIGKILL');
  }
}

interface Measured {
  nat: NatSpec;
  from: string;
  behaviour: NatBehaviour;
  ipv6: Ipv6Behaviour | null;
  portMapping: PortMappingMeasurements | undefined;
}

const proofOf = ({ nat, from, behaviour, ipv6, portMapping }: Measured): Proof => ({
  nat: nat.name,
  from,
  ...behaviour,
  ipv6,
  ...(portMapping && { portMapping: portMappingOf(portMapping) }),
});

function vantage<Kind extends Node>(
  nat: NatSpec,
  nodes: readonly Node[],
  isOne: (node: Node) => node is Kind,
): Kind;
function vantage(nat: NatSpec, nodes: readonly Node[], isOne: (node: Node) => boolean): Node;
function vantage(nat: NatSpec, nodes: readonly Node[], isOne: (node: Node) => boolean): Node {
  const from = nodes.find(isOne);
  if (!from) throw new LabError('lab-setup-failed', `nobody is behind "${nat.name}" to measure it`);
  return from;
}

async function proveIpv6(
  ground: Ground,
  nat: NatSpec,
  spec: LabSpec,
  nodes: readonly Node[],
): Promise<Ipv6Behaviour> {
  const from = vantage(nat, nodes, (node) => isVantage6(node, nat, spec));
  const place = placeNumber(nat.behind ?? INTERNET, spec.nats);
  const argv = [...ownProgram('probe/prober'), '2', ...probeAddresses6(place)];
  const line = await firstLine(
    ground.spawnOwn(from.name, argv),
    `measuring IPv6 behind "${nat.name}" from "${from.name}"`,
  );
  return ipv6BehaviourOf(JSON.parse(line) as Measurement, from.address6);
}

/** Through NAT64 where there is one: the same rules stand behind it. */
async function measure(
  ground: Ground,
  nat: NatSpec,
  from: string,
  addresses: readonly string[],
): Promise<NatBehaviour> {
  // A small block would be used up. Otherwise so many that random ports are not all close together by chance.
  const small =
    nat.mapping !== 'eim' && typeof nat.ports === 'object' && 'block' in nat.ports && nat.ports.block < 16;
  const prefix = nat.nat64 ? NAT64_PREFIX.replace('/96', '') : '';
  const prober = ground.spawnOwn(from, [
    ...ownProgram('probe/prober'),
    small ? '3' : '6',
    ...addresses,
    prefix,
  ]);
  const line = await firstLine(prober, `measuring "${nat.name}" from "${from}"`);
  return behaviourOf(JSON.parse(line) as Measurement);
}

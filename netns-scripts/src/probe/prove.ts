import { LabError } from '../errors.ts';
import type { Ground } from '../ground.ts';
import { firstLine, ownProgram } from '../own-program.ts';
import { type PortMappingBehaviour, portMappingDifferences, portMappingOf } from '../port-mapping/judge.ts';
import type { PortMappingMeasurements } from '../port-mapping/messages.ts';
import { measurePortMapping } from '../port-mapping/prove.ts';
import { INTERNET, type LabSpec, type NatSpec, probeAddresses } from '../spec.ts';
import { isVantage, type Node, placeNumber } from '../wiring.ts';
import { behaviourOf, differences, type NatBehaviour } from './judge.ts';
import type { Measurement } from './messages.ts';

/** What a NAT was seen to do. */
export interface Proof extends NatBehaviour {
  nat: string;
  /** The node from which it was measured. */
  from: string;
  /** What it does when it is asked to map a port; absent from NATs without port mapping. */
  portMapping?: PortMappingBehaviour;
}

/**
 * Measures every NAT from inside, all at once, with a responder directly outside of it, and compares with what
 * the scenario says.
 * @throws LabError `nat-not-as-claimed`; `lab-setup-failed` if it cannot be measured
 */
export async function proveNats(ground: Ground, spec: LabSpec, nodes: readonly Node[]): Promise<Proof[]> {
  const nats = spec.nats ?? [];
  const outsides = [...new Set(nats.map(({ behind }) => behind ?? INTERNET))];
  const responders = outsides.map((place) =>
    ground.spawnOwn(place, [...ownProgram('probe/responder'), ...probeAddresses(placeNumber(place, nats))]),
  );
  try {
    await Promise.all(responders.map((child) => firstLine(child, 'the responder')));
    const measured = nats.map(async (nat) => {
      const outside = nat.behind ?? INTERNET;
      const from = nodes.find((node) => isVantage(node, nat.name, spec));
      if (!from) throw new LabError('lab-setup-failed', `nobody is behind "${nat.name}" to measure it`);
      const [behaviour, portMapping] = await Promise.all([
        measure(ground, nat, from.name, probeAddresses(placeNumber(outside, nats))),
        nat.portMapping && measurePortMapping(ground, nat, from, responders[outsides.indexOf(outside)]!),
      ]);
      return { nat, from: from.name, behaviour, portMapping };
    });
    const all = await Promise.all(measured);
    const wrong = all.flatMap(({ nat, behaviour, portMapping }) =>
      [...differences(nat, behaviour), ...(portMapping ? portMappingDifferences(nat, portMapping) : [])].map(
        (difference) => `NAT "${nat.name}": ${difference}`,
      ),
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
  portMapping: PortMappingMeasurements | undefined;
}

const proofOf = ({ nat, from, behaviour, portMapping }: Measured): Proof => ({
  nat: nat.name,
  from,
  ...behaviour,
  ...(portMapping && { portMapping: portMappingOf(portMapping) }),
});

async function measure(
  ground: Ground,
  nat: NatSpec,
  from: string,
  addresses: readonly string[],
): Promise<NatBehaviour> {
  // A small block would be used up. Otherwise so many that random ports are not all close together by chance.
  const small =
    nat.mapping !== 'eim' && typeof nat.ports === 'object' && 'block' in nat.ports && nat.ports.block < 16;
  const prober = ground.spawnOwn(from, [...ownProgram('probe/prober'), small ? '3' : '6', ...addresses]);
  const line = await firstLine(prober, `measuring "${nat.name}" from "${from}"`);
  return behaviourOf(JSON.parse(line) as Measurement);
}

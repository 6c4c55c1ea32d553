import { LabError } from '../errors.ts';
import type { Ground } from '../ground.ts';
import { firstLine, ownProgram } from '../own-program.ts';
import { INTERNET, type NatSpec, probeAddresses } from '../spec.ts';
import { type Node, placeNumber } from '../wiring.ts';
import { behaviourOf, differences, type NatBehaviour } from './judge.ts';
import type { Measurement } from './messages.ts';

/** What a NAT was seen to do. */
export interface Proof extends NatBehaviour {
  nat: string;
  /** The node from which it was measured. */
  from: string;
}

/**
 * Measures every NAT from inside, all at once, with a responder directly outside of it, and compares with what
 * the scenario says.
 * @throws LabError `nat-not-as-claimed`; `lab-setup-failed` if it cannot be measured
 */
export async function proveNats(
  ground: Ground,
  nats: readonly NatSpec[],
  nodes: readonly Node[],
): Promise<Proof[]> {
  const outsides = [...new Set(nats.map(({ behind }) => behind ?? INTERNET))];
  const responders = outsides.map((place) =>
    ground.spawnOwn(place, [...ownProgram('probe/responder'), ...probeAddresses(placeNumber(place, nats))]),
  );
  try {
    await Promise.all(responders.map((child) => firstLine(child, 'the responder')));
    const measured = nats.map((nat) => {
      const place = placeNumber(nat.behind ?? INTERNET, nats);
      return measure(ground, nat, nodes, probeAddresses(place));
    });
    const proofs = await Promise.all(measured);
    const wrong = proofs.flatMap((proof, index) =>
      differences(nats[index]!, proof).map((difference) => `NAT "${proof.nat}": ${difference}`),
    );
    if (wrong.length > 0) throw new LabError('nat-not-as-claimed', wrong.join('\n'));
    return proofs;
  } finally {
    for (const child of responders) child.kill('SIGKILL');
  }
}

async function measure(
  ground: Ground,
  nat: NatSpec,
  nodes: readonly Node[],
  addresses: readonly string[],
): Promise<Proof> {
  // A host, not a NAT: that would let nobody in by itself.
  const inside = nodes.find((node) => node.behind === nat.name && !('inside' in node));
  if (!inside) throw new LabError('lab-setup-failed', `nobody is behind "${nat.name}" to measure it`);
  // A small block would be used up. Otherwise so many that random ports are not all close together by chance.
  const small = typeof nat.ports === 'object' && 'block' in nat.ports && nat.ports.block < 16;
  const prober = ground.spawnOwn(inside.name, [
    ...ownProgram('probe/prober'),
    small ? '3' : '6',
    ...addresses,
  ]);
  const line = await firstLine(prober, `measuring "${nat.name}" from "${inside.name}"`);
  return { nat: nat.name, from: inside.name, ...behaviourOf(JSON.parse(line) as Measurement) };
}

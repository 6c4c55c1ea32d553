import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { LabError } from '../errors.ts';
import type { Ground } from '../ground.ts';
import { ownProgram, whyEnded } from '../own-program.ts';
import { gatewayOf, type NatSpec } from '../spec.ts';
import type { Node } from '../wiring.ts';
import type { PortMappingMeasurements } from './messages.ts';

/**
 * Maps and deletes a port from inside, by every protocol.
 * @param responder outside of the NAT: sends what it is told on standard input
 * @throws LabError `lab-setup-failed` if it cannot be measured
 */
export async function measurePortMapping(
  ground: Ground,
  nat: NatSpec,
  from: Node,
  responder: ChildProcess,
): Promise<PortMappingMeasurements> {
  // Not behind NAT64, where hosts may have no IPv4 address.
  const args = [from.address!, gatewayOf(nat).address, ...(nat.portMapping ?? [])];
  const prober = ground.spawnOwn(from.name, [...ownProgram('port-mapping/prober'), ...args]);
  let complaint = '';
  prober.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  for await (const line of createInterface({ input: prober.stdout! })) {
    const said = JSON.parse(line) as { measurements?: PortMappingMeasurements };
    if (said.measurements) return said.measurements;
    responder.stdin!.write(`${line}\n`);
  }
  const what = `asking "${nat.name}" from "${from.name}" to map ports`;
  throw new LabError('lab-setup-failed', `${what}: ${whyEnded(complaint)}`);
}

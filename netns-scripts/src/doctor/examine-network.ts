import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network } from '@overcall/harness';
import { type Lab, startLab } from '../lab.ts';
import { labStage } from '../lab-stage.ts';
import type { LabSpec } from '../spec.ts';
import { faultsOf } from './doctor-truth.ts';

/** What `overcall doctor` answered at a host. */
export interface Examination {
  host: string;
  /** The last event that it printed, or what it complained of. */
  found: Record<string, unknown>;
  /** Where the scenario says otherwise. */
  faults: string[];
  tookMs: number;
}

/** A network in which two supernodes can be asked; links, NATs and firewalls are the scenario's. */
function withTwoSupernodes({ call: _, programs: __, events: ___, expect: ____, ...spec }: LabSpec): LabSpec {
  if (spec.hosts.some(({ name }) => name === 'supernode-b')) return spec;
  return { ...spec, hosts: [...spec.hosts, { name: 'supernode-b', address: '203.0.113.39' }] };
}

/** So that IPv6 can be asked for, too, where the supernode has it. */
function ipv6Args(lab: Lab, place: string): string[] {
  const address = lab.address6Of(place);
  if (address === null) return [];
  const listen = ['--listen', `[${address}]:3478`, '--tcp-listen', `[${address}]:443`];
  return [...listen, '--public-address', address];
}

/** Builds the network of a scenario and runs `overcall doctor` at hosts there, one after the other. */
export async function examineNetwork(
  scenario: LabSpec,
  hosts: readonly string[],
  flags: readonly string[] = [],
): Promise<Examination[]> {
  const spec = withTwoSupernodes(scenario);
  const folder = mkdtempSync(join(tmpdir(), 'nat-lab-doctor-'));
  let lab: Lab | undefined;
  let network: Network | undefined;
  try {
    lab = await startLab(spec);
    const supernodeArgs = ipv6Args.bind(null, lab);
    network = await Network.start(labStage(lab), folder, {
      supernodes: ['supernode', 'supernode-b'],
      supernodeArgs,
    });
    const examinations: Examination[] = [];
    for (const host of hosts) {
      const program = network.overcall(host, host, 'doctor', ...flags);
      await program.exited;
      const found = program.events.at(-1) ?? { stderr: program.stderr };
      const tookMs = Number(found.tookMs ?? Number.POSITIVE_INFINITY);
      examinations.push({ host, found, faults: faultsOf(found, spec, host), tookMs });
    }
    return examinations;
  } finally {
    await network?.close();
    await lab?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

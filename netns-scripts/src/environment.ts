import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from './lab.ts';

/** The address of every host and NAT. */
export function addressesOf(lab: Lab): Record<string, string> {
  const nodes = [...lab.spec.hosts, ...(lab.spec.nats ?? [])];
  return Object.fromEntries(nodes.map(({ name, address }) => [name, address]));
}

/** What a program finds at LAB_FILE. Written again after every event. */
export function writeLabFile(lab: Lab, file: string): void {
  const { name, hosts, nats = [] } = lab.spec;
  writeFileSync(file, `${JSON.stringify({ name, addresses: addressesOf(lab), hosts, nats }, null, 2)}\n`);
}

/** For a lab that has no folder of its own. */
export function temporaryLabFile(lab: Lab): { labFile: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'nat-lab-'));
  const labFile = join(folder, 'lab.json');
  writeLabFile(lab, labFile);
  return { labFile, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts a program in a node, as commands and scenarios do it: it is told where it is, and every address. */
export function spawnInLab(
  lab: Lab,
  node: string,
  argv: readonly string[],
  { labFile, ...options }: Pick<SpawnOptions, 'stdio' | 'cwd'> & { labFile: string },
): ChildProcess {
  const [program, ...args] = lab.command(node, argv);
  const env: NodeJS.ProcessEnv = { ...process.env, LAB_NODE: node, LAB_FILE: labFile };
  for (const [name, address] of Object.entries(addressesOf(lab)))
    env[`LAB_ADDRESS_${name.toUpperCase().replaceAll('-', '_')}`] = address;
  // So that an ordinary user, who is root in the lab, finds ip, nft and conntrack.
  env.PATH = `${env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
  return spawn(program!, args, { ...options, env });
}

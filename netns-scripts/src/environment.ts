import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';

/** The address of every host and NAT. */
export function addressesOf(lab: Lab): Record<string, string> {
  const nodes = [...lab.spec.hosts, ...(lab.spec.nats ?? [])];
  return Object.fromEntries(nodes.map(({ name, address }) => [name, address]));
}

/** What a program finds at LAB_FILE. Written again after every event, in one step: nobody reads half of it. */
export function writeLabFile(lab: Lab, file: string): void {
  const { name, hosts, nats = [] } = lab.spec;
  const text = JSON.stringify({ name, addresses: addressesOf(lab), hosts, nats }, null, 2);
  writeFileSync(`${file}.next`, `${text}\n`);
  renameSync(`${file}.next`, file);
}

/** For a lab that has no folder of its own: in its private /run, so that it goes with the lab however that ends. */
export function privateLabFile(lab: Lab): { labFile: string; write: () => void } {
  const write = () => writeLabFile(lab, join(lab.runFolder, 'lab.json'));
  write();
  return { labFile: '/run/lab.json', write };
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

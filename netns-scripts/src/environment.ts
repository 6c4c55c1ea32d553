import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { nat64Of } from './nat64/hidden-hosts.ts';
import { startFolder } from './paths.ts';
import { proxyEnvironment } from './proxies.ts';
import { NAT64_PREFIX } from './spec.ts';

const namesIn = ({ spec }: Lab): string[] => [...spec.hosts, ...(spec.nats ?? [])].map(({ name }) => name);

/** The address of every host and NAT: the IPv4 one, or where there is none, the IPv6 one. */
export const addressesOf = (lab: Lab): Record<string, string> =>
  Object.fromEntries(namesIn(lab).map((name) => [name, lab.addressOf(name)]));

/** The IPv6 address of every host that has one, and of every router inside. */
const addresses6Of = (lab: Lab): Record<string, string> =>
  Object.fromEntries(
    namesIn(lab).flatMap((name) => {
      const address6 = lab.address6Of(name);
      return address6 === null ? [] : [[name, address6]];
    }),
  );

/** What a node writes before an IPv4 address that it wants to reach through NAT64; null where there is none. */
function nat64PrefixAt(lab: Lab, node: string): string | null {
  const host = lab.spec.hosts.find(({ name }) => name === node);
  return host?.address6 !== undefined && nat64Of(host, lab.spec.nats ?? []) ? NAT64_PREFIX : null;
}

/** What a program finds at LAB_FILE. Written again after every event, in one step: nobody reads half of it. */
export function writeLabFile(lab: Lab, file: string): void {
  const { name, hosts, nats = [] } = lab.spec;
  const nat64Prefix = nats.some(({ nat64 }) => nat64) ? NAT64_PREFIX : undefined;
  const content = {
    name,
    addresses: addressesOf(lab),
    addresses6: addresses6Of(lab),
    nat64Prefix,
    hosts,
    nats,
  };
  writeFileSync(`${file}.next`, `${JSON.stringify(content, null, 2)}\n`);
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
  const variable = (name: string) => name.toUpperCase().replaceAll('-', '_');
  for (const [name, address] of Object.entries(addressesOf(lab)))
    env[`LAB_ADDRESS_${variable(name)}`] = address;
  for (const [name, address] of Object.entries(addresses6Of(lab)))
    env[`LAB_ADDRESS6_${variable(name)}`] = address;
  Object.assign(
    env,
    proxyEnvironment(lab.spec, node, (name) => lab.addressOf(name)),
  );
  const nat64Prefix = nat64PrefixAt(lab, node);
  if (nat64Prefix !== null) env.LAB_NAT64_PREFIX = nat64Prefix;
  // So that an ordinary user, who is root in the lab, finds ip, nft and conntrack.
  env.PATH = `${env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
  return spawn(program!, args, { cwd: startFolder(), ...options, env });
}

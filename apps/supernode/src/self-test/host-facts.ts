import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import {
  addressTowardsInternet,
  type ClockReading,
  directoryClock,
  type FetchDirectoryOptions,
  type RelaySocketKind,
} from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import { maxOpenFiles } from '../open-files.ts';
import type { HostFacts, HostReport } from './host-capacity.ts';
import { judgeHost } from './host-checks.ts';
import { measureRelaySpeed } from './relay-speed.ts';

export interface HostTestOptions {
  /** `URL` or `URL#KEY`; its clock is asked for. */
  directory: string;
  insecureHttp?: boolean | undefined;
  /** Addresses of `--public-address`, of which one may be an interface's. */
  addresses: readonly string[];
  udp?: RelaySocketKind | undefined;
}

/**
 * Finds out what this host can carry, in about a tenth of a second. Nothing is sent but one request to the directory.
 * @throws OvercallError of a directory that has another key, or is not to be asked like this; silence is no error
 */
export async function testHost(options: HostTestOptions): Promise<HostReport> {
  // The measurement keeps the event loop busy, so the clock is asked before.
  const clock = await clockOf(options);
  const speed = await measureRelaySpeed(options.udp ?? 'batch');
  const facts: HostFacts = {
    ...speed,
    // Within the limits of a control group, too.
    availableBytes: process.availableMemory(),
    openFiles: maxOpenFiles(),
    link: await linkOf(options.addresses),
    clock,
  };
  return judgeHost(facts);
}

async function clockOf({ directory, insecureHttp = false }: HostTestOptions): Promise<ClockReading | null> {
  const options: FetchDirectoryOptions = { insecureHttp };
  try {
    return await directoryClock(directory, options);
  } catch (error) {
    if (error instanceof OvercallError && error.code === 'directory-unreachable') return null;
    throw error;
  }
}

/** The interface of the first public address that is one of this host's, else the one towards the Internet. */
async function linkOf(addresses: readonly string[]): Promise<HostFacts['link']> {
  const towards = [await addressTowardsInternet('ipv4'), await addressTowardsInternet('ipv6')];
  const all = Object.entries(networkInterfaces());
  for (const wanted of [...addresses, ...towards]) {
    const found = all.find(([, own]) => own?.some(({ address }) => address === wanted));
    if (found !== undefined) return { name: found[0], mbps: linkSpeed(found[0]) };
  }
  return null;
}

/**
 * Mbit/s of an interface as its driver says (sysfs-class-net); null where it does not: virtual ones have none, or -1.
 */
export function linkSpeed(name: string, folder = '/sys/class/net'): number | null {
  try {
    const mbps = Number(readFileSync(`${folder}/${name}/speed`, 'utf8'));
    return mbps > 0 ? mbps : null;
  } catch {
    return null;
  }
}

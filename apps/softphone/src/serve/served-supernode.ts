import { join } from 'node:path';
import type { Logger } from '@overcall/cli';
import { keyIdOf } from '@overcall/identity';
import { loadOrCreateSigningKey, monotonicMs } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import type { HostReport, Supernode } from 'overcall-supernode';
import type { Home } from '../home.ts';
import type { Profile } from '../profile.ts';
import type { ServeOptions } from './serve-options.ts';

/** Softphones attached at most: signalling of more would take too much of a process that has calls of its own. */
const MAX_SOFTPHONES = 500;
/** Others need 4 s for an address that does not answer, and may be asked three times. */
const DIAL_BACK_MS = 40_000;
const LOOK_MS = 100;

export interface ServedOptions {
  home: Home;
  profile: Profile;
  log: Logger;
  serve: ServeOptions;
  insecureHttp: boolean;
  allowNets: readonly string[];
  addresses: readonly string[];
  /** The softphone's own calls come first. */
  isHeldBack: () => boolean;
  onTested(host: HostReport): void;
}

/** Its keys are not the softphone's: nobody can tell from the list of supernodes whose host this is. */
export const servedFolder = (home: Home): string => join(home.dataDir, 'serve');

/** Key id of the supernode that this softphone is at times. */
export async function servedId(home: Home): Promise<string> {
  return keyIdOf(await loadOrCreateSigningKey(join(servedFolder(home), 'identity.json')));
}

/**
 * Tests the host, starts a supernode in this process and waits until others have reached it.
 * @throws OvercallError when anything is against that; nothing of it runs then, and the list does not name it
 */
export async function startServed(options: ServedOptions): Promise<Supernode> {
  const { home, profile, log, serve, insecureHttp, allowNets, addresses, isHeldBack, onTested } = options;
  // Softphones that do not serve, which are most, need not load it.
  const { refusalOf, startSupernode, testHost } = await import('overcall-supernode');
  const directory = `${profile.directory.url}#${profile.directory.key.x}`;
  const host = await testHost({ directory, insecureHttp, addresses });
  onTested(host);
  const refusal = refusalOf(host);
  if (refusal !== null) throw refusal;
  const { calls, softphones } = host.capacity;
  const capacity = { ...host.capacity, softphones: Math.min(softphones, MAX_SOFTPHONES) };
  const supernode = await startSupernode({
    directory,
    insecureHttp,
    listen: [serve.serveListen],
    publicAddresses: [...addresses],
    name: `volunteer-${(await servedId(home)).slice(0, 6)}`,
    dataDirectory: servedFolder(home),
    maxCalls: Math.min(serve.serveMaxCalls, calls ?? Number.POSITIVE_INFINITY),
    maxMbps: serve.serveMaxMbps,
    maxGbMonth: serve.serveMaxGbMonth,
    allowNets: [...allowNets],
    ...(serve.serveInvite === undefined ? {} : { invite: serve.serveInvite }),
    host: { ...host, capacity },
    isHeldBack,
    // Its load would tell when the user of this host calls.
    report: false,
    log,
  });
  try {
    await provenReachable(supernode);
    return supernode;
  } catch (error) {
    await leave(supernode, log);
    throw error;
  }
}

/** Leaves the list where the directory can be reached, and stops. */
export async function leave(supernode: Supernode, log: Logger): Promise<void> {
  try {
    await supernode.depart();
  } catch (error) {
    log.warn({ err: error }, 'the directory could not be told that this supernode goes');
  }
  await supernode.close();
}

/** A volunteer that nobody has reached is none: the first one of a network has to be a real supernode. */
async function provenReachable(supernode: Supernode): Promise<void> {
  const untilMs = monotonicMs() + DIAL_BACK_MS;
  while (supernode.status().reach === 'checking' && monotonicMs() < untilMs)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  const { reach, notReady } = supernode.status();
  if (reach === 'reached' && notReady === null) return;
  const why = notReady ?? 'no other supernode could try it';
  throw new OvercallError('not-reachable', `others do not reach this host: ${why}`);
}

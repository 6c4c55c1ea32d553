import { lookup, Resolver } from 'node:dns/promises';
import { Agent } from 'node:https';
import { isIPv4, isIPv6, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import {
  formatAddressPort,
  mayCheck,
  type Nat64Prefix,
  prefixOf,
  throughNat64,
  WELL_KNOWN_PREFIX,
} from '@overcall/traversal';
import { monotonicMs } from './clock.ts';
import { connectFirst } from './connect-race.ts';
import { addressTowardsInternet } from './local-addresses.ts';

/** RFC 7050: a name that has IPv4 addresses only, unless a DNS64 adds what leads through the NAT64. */
const IPV4_ONLY_NAME = 'ipv4only.arpa';
/** A DNS server that is there answers in less, ms; without one the well-known prefix will do. */
const DNS_TIMEOUT_MS = 300;
/** A machine may move to another network: what was found out is good for so long, ms. */
const FRESH_MS = 2000;
const HTTPS_PORT = 443;
/** A supernode that many come to at once counts every connection: fewer than to the directory. */
const MAX_CONNECTIONS = 4;

let known: { prefix: Promise<Nat64Prefix | null>; atMs: number } | null = null;

/**
 * How this machine reaches IPv4: null when it can by itself, or has no IPv6 either. Otherwise the prefix that its network's
 * DNS64 uses (RFC 7050), or the well-known one.
 */
export function nat64Prefix({ again = false } = {}): Promise<Nat64Prefix | null> {
  const nowMs = monotonicMs();
  if (again || known === null || nowMs >= known.atMs + FRESH_MS)
    known = { prefix: findPrefix(), atMs: nowMs };
  return known.prefix;
}

async function findPrefix(): Promise<Nat64Prefix | null> {
  if ((await addressTowardsInternet('ipv4')) !== null) return null;
  if ((await addressTowardsInternet('ipv6')) === null) return null;
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 1 });
  const patience = setTimeout(() => resolver.cancel(), DNS_TIMEOUT_MS);
  const addresses = await resolver.resolve6(IPV4_ONLY_NAME).catch(() => []);
  clearTimeout(patience);
  return addresses.map(prefixOf).find((prefix) => prefix !== null) ?? WELL_KNOWN_PREFIX;
}

/**
 * What stands for an IPv4 address; null for addresses that are nobody's on the Internet, whatever the NAT64 would make of
 * them: its own loopback, or networks behind it (RFC 6052, 3.1 and 5.1).
 */
export function globalThroughNat64(ipv4: string, prefix: Nat64Prefix): string | null {
  return mayCheck(formatAddressPort({ address: ipv4, port: 1 }), []) ? throughNat64(ipv4, prefix) : null;
}

/** The address or name to connect to for `host`: as this machine reaches it, if that is by a NAT64. */
export async function reachableHost(host: string): Promise<string> {
  if (isIPv6(host)) return host;
  const prefix = await nat64Prefix();
  if (prefix === null) return host;
  if (isIPv4(host)) return globalThroughNat64(host, prefix) ?? host;
  // A network without a DNS64 may have a NAT64 all the same.
  const addresses = await lookup(host, { all: true }).catch(() => []);
  const [first] = addresses;
  if (first === undefined || addresses.some(({ family }) => family === 6)) return host;
  return globalThroughNat64(first.address, prefix) ?? host;
}

/**
 * Opens TLS connections to where this machine reaches the host: where the first packets get lost over one of some TCP connections
 * that are tried at the same time, for as long as `connectWithinMs`.
 */
export class ReachingAgent extends Agent {
  readonly #connectWithinMs: number;

  constructor(connectWithinMs: number) {
    super();
    this.#connectWithinMs = connectWithinMs;
  }

  override createConnection(
    options: ConnectionOptions,
    done: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#connect(options).then(
      (socket) => done(null, connect({ ...options, socket })),
      (error) => done(error as Error, new Duplex()),
    );
  }

  async #connect({ host = 'localhost', port }: ConnectionOptions): Promise<Socket> {
    const to = { host: await reachableHost(host), port: port ?? HTTPS_PORT };
    return connectFirst(to, { signal: AbortSignal.timeout(this.#connectWithinMs), most: MAX_CONNECTIONS });
  }
}

import { randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { keyIdOf, type SupernodeEntry } from '@overcall/identity';
import {
  type DatagramSocket,
  DeadlineTimer,
  Ipv4Socket,
  localAddresses,
  monotonicMs,
  nat64Prefix,
  type UdpAddress,
  UdpSocket,
} from '@overcall/net';
import {
  DISCOVERY_SOCKETS,
  type DiscoveryReport,
  type DiscoveryServer,
  formatAddressPort,
  NatDiscovery,
  parseAddressPort,
} from '@overcall/traversal';
import { fromBase64Url } from '@overcall/wire';

/** Supernodes as discovery wants them; those without IPv4 are left out: nobody translates IPv6. */
export async function discoveryServers(entries: readonly SupernodeEntry[]): Promise<DiscoveryServer[]> {
  const servers = entries.map(async ({ key, udp }) => ({
    keyId: fromBase64Url(await keyIdOf(key))!,
    addresses: udp.filter((text) => isIPv4(parseAddressPort(text)?.address ?? '')),
  }));
  return (await Promise.all(servers)).filter(({ addresses }) => addresses.length > 0);
}

export interface DiscoveryRun {
  done: Promise<DiscoveryReport>;
  /** Ends it early, with what is known by then. */
  stop(): void;
}

/**
 * Finds out how the NATs in front of this machine behave, on sockets of its own.
 * @param onMapping called once when mapping and allocation are known, and filtering perhaps not yet
 */
export function runDiscovery(
  servers: readonly DiscoveryServer[],
  bindAddress = '0.0.0.0',
  onMapping: (report: DiscoveryReport) => void = () => {},
): DiscoveryRun {
  const stopped = Promise.withResolvers<void>();
  const done = discover(servers, bindAddress, stopped.promise, onMapping);
  return { done, stop: () => stopped.resolve() };
}

async function discover(
  servers: readonly DiscoveryServer[],
  bindAddress: string,
  stopped: Promise<void>,
  onMapping: (report: DiscoveryReport) => void,
): Promise<DiscoveryReport> {
  let saidMapping = false;
  const over = Promise.withResolvers<void>();
  let discovery: NatDiscovery | null = null;
  const isBehindNat64 = bindAddress === '0.0.0.0' && (await nat64Prefix()) !== null;
  const bind = (_: unknown, socket: number): Promise<DatagramSocket & { sendingPort?: number }> => {
    const onDatagram = (datagram: Uint8Array, source: UdpAddress) => {
      discovery?.handleDatagram(socket, formatAddressPort(source), datagram, monotonicMs());
      follow();
    };
    if (isBehindNat64) return Ipv4Socket.bind(onDatagram);
    return UdpSocket.bind({ address: bindAddress, port: 0 }, onDatagram);
  };
  const opened = await Promise.allSettled(Array.from({ length: DISCOVERY_SOCKETS }, bind));
  const sockets = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const timer = new DeadlineTimer(() => {
    discovery?.handleTimeout(monotonicMs());
    follow();
  });
  const follow = () => {
    if (discovery === null) return;
    for (const { socket, to, datagram } of discovery.poll(monotonicMs()))
      sockets[socket]!.send(datagram, parseAddressPort(to)!);
    timer.set(discovery.isOver ? null : discovery.deadline);
    if (!saidMapping && !discovery.isOver && discovery.isMappingKnown) {
      saidMapping = true;
      onMapping(discovery.report());
    }
    if (discovery.isOver) over.resolve();
  };
  try {
    discovery = new NatDiscovery({
      // Too few sockets: nothing can be told.
      servers: sockets.length === DISCOVERY_SOCKETS ? servers : [],
      localPorts: sockets.map(({ address, sendingPort }) => sendingPort ?? address.port),
      localAddresses: [bindAddress, ...localAddresses().map(({ address }) => address)],
      random: randomBytes,
      nowMs: monotonicMs(),
    });
    follow();
    await Promise.race([over.promise, stopped]);
    return discovery.report();
  } finally {
    timer.set(null);
    await Promise.all(sockets.map((socket) => socket.close()));
  }
}

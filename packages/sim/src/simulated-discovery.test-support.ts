import {
  DISCOVERY_SOCKETS,
  type DiscoveryReport,
  type DiscoveryServer,
  formatAddressPort,
  NatDiscovery,
  parseAddressPort,
  StunService,
  stunSites,
} from '@overcall/traversal';
import type { Host } from './host.ts';
import type { World } from './world.ts';

const MAIN_PORT = 3478;
const OTHER_PORT = 3479;

/** Not secret, and long enough: vouchers of the real kind have some 460 bytes. */
const TOKEN_BYTES = 460;

export interface SimulatedStunOptions {
  otherPort?: boolean;
  /** It tells everybody that this `ip:port` is theirs. */
  claims?: string;
}

/** A supernode's STUN in the simulation. Vouchers bear their issuer's promise instead of a signature. */
export class SimulatedStunServer {
  readonly server: DiscoveryServer;
  /** Where probes went. */
  readonly probed: string[] = [];

  constructor(world: World, host: Host, options: SimulatedStunOptions = {}) {
    const ports = options.otherPort === false ? [MAIN_PORT] : [MAIN_PORT, OTHER_PORT];
    const sockets = ports.map((port) => host.bind(port));
    const keyId = new Uint8Array(32);
    keyId.set(new TextEncoder().encode(host.address));
    this.server = { keyId, addresses: [sockets[0]!.local] };
    const cookieOf = ({ address, port }: { address: string; port: number }) =>
      new TextEncoder().encode(`${address} ${port}`.padEnd(16).slice(-16));
    const service = new StunService(
      stunSites(
        sockets.map(({ local }, index) => ({ address: host.address, isAlternate: index > 0, origin: local })),
      ),
      {
        make: cookieOf,
        verify: (cookie, source) => cookie.every((byte, index) => byte === cookieOf(source)[index]),
      },
    );
    for (const [index, socket] of sockets.entries())
      socket.onDatagram = (datagram, from) => {
        const source = parseAddressPort(options.claims ?? from)!;
        const outcome = service.handle(index, datagram, source, world.now);
        if (outcome.kind === 'answer') {
          const to = options.claims === undefined ? formatAddressPort(outcome.to) : from;
          sockets[outcome.from]!.send(to, outcome.datagram);
        } else if (outcome.kind === 'vouch') {
          const token = JSON.stringify({ to: from, audience: [...outcome.audience] }).padEnd(TOKEN_BYTES);
          socket.send(from, outcome.answer(new TextEncoder().encode(token)));
        } else if (outcome.kind === 'probe') {
          const { to, audience } = JSON.parse(new TextDecoder().decode(outcome.token));
          if (!keyId.every((byte, at) => byte === audience[at])) return;
          this.probed.push(to);
          socket.send(to, outcome.probe(parseAddressPort(to)!));
          socket.send(from, outcome.answer);
        }
      };
  }
}

/** Runs a discovery on a host to its end. */
export function discover(world: World, host: Host, servers: readonly DiscoveryServer[]): DiscoveryReport {
  const sockets = Array.from({ length: DISCOVERY_SOCKETS }, () => host.bind());
  const discovery = new NatDiscovery({
    servers,
    localPorts: sockets.map(({ port }) => port),
    localAddresses: host.addresses,
    random: (bytes) => Uint8Array.from({ length: bytes }, () => world.random.below(256)),
    nowMs: world.now,
  });
  let disarm = () => {};
  const follow = () => {
    for (const { socket, to, datagram } of discovery.poll(world.now)) sockets[socket]!.send(to, datagram);
    disarm();
    const { deadline } = discovery;
    if (deadline !== Number.POSITIVE_INFINITY)
      disarm = world.at(deadline, () => {
        discovery.handleTimeout(world.now);
        follow();
      });
  };
  for (const [index, socket] of sockets.entries())
    socket.onDatagram = (datagram, from) => {
      discovery.handleDatagram(index, formatAddressPort(parseAddressPort(from)!), datagram, world.now);
      follow();
    };
  follow();
  world.runUntil(() => discovery.isOver, 5000);
  for (const socket of sockets) socket.close();
  return discovery.report();
}

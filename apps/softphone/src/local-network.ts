import { isIPv6 } from 'node:net';
import type { Logger } from '@overcall/cli';
import type { SupernodeEntry } from '@overcall/identity';
import {
  type DatagramSocket,
  Ipv4Socket,
  type PortMapper,
  type PortMapperOptions,
  type UdpAddress,
  UdpSocket,
} from '@overcall/net';
import type { Candidate, NatBehaviour } from '@overcall/traversal';
import { CandidateGatherer, type GatheringSocket } from './candidate-gatherer.ts';
import { NatWatch } from './discovery/nat-watch.ts';
import { KnownAddresses } from './known-addresses.ts';
import { startPortMapping } from './port-mapping.ts';
import type { SoftphoneOptions } from './softphone-options.ts';

/** Numbers of the sockets for the path agents. */
const SOCKET_ID = { ipv4: 0, ipv6: 1 } as const;

export interface LocalNetworkHandlers {
  onDatagram(socket: number, datagram: Uint8Array, from: string): void;
  /** Where this machine may be reached, whenever that changes. */
  onCandidates(candidates: readonly Candidate[]): void;
  /** This machine has other addresses than before. */
  onChange(): void;
  /** There is news of the NAT. */
  onNat(nat: NatBehaviour): void;
  onPortMapped: PortMapperOptions['onMapped'];
  /** Supernodes that are attached, and all that are listed, those first. */
  inUse(): readonly SupernodeEntry[];
  all(): readonly SupernodeEntry[];
}

/** This machine's sockets and what is known of the network they are in: addresses, NAT, a port that a router mapped. */
export class LocalNetwork {
  readonly gatherer: CandidateGatherer;
  readonly #sockets: Record<'ipv4' | 'ipv6', DatagramSocket | null>;
  readonly #mapper: PortMapper | null;
  readonly #addresses = new KnownAddresses();
  /** Null where no path depends on it. */
  readonly #natWatch: NatWatch | null;

  /** Opens the sockets. */
  static async open(options: SoftphoneOptions, handlers: LocalNetworkHandlers): Promise<LocalNetwork> {
    return new LocalNetwork(await openSockets(options.bindAddress, handlers), options, handlers);
  }

  private constructor(
    sockets: Record<'ipv4' | 'ipv6', DatagramSocket | null>,
    options: SoftphoneOptions,
    handlers: LocalNetworkHandlers,
  ) {
    this.#sockets = sockets;
    this.#natWatch = makeNatWatch(options, handlers, options.log);
    this.gatherer = new CandidateGatherer(this.opened, {
      servers: () => handlers.inUse().flatMap(({ udp }) => udp),
      onCandidates: (candidates) => handlers.onCandidates(candidates),
      onNetworkChange: () => {
        this.#mapper?.start();
        handlers.onChange();
        this.#natWatch?.refresh();
      },
    });
    this.#mapper = startPortMapping(options, sockets.ipv4, (address, protocol) => {
      this.gatherer.setPortMapped(address);
      handlers.onPortMapped(address, protocol);
    });
  }

  get opened(): GatheringSocket[] {
    return (['ipv4', 'ipv6'] as const).flatMap((family) => {
      const socket = this.#sockets[family];
      return socket === null ? [] : [{ id: SOCKET_ID[family], family, socket }];
    });
  }

  /** The socket for addresses of this kind (IPv4, IPv6); null when there is none. */
  socketFor(address: string): number | null {
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    return this.#sockets[family] === null ? null : SOCKET_ID[family];
  }

  send(socket: number, to: string, datagram: Uint8Array, hopLimit?: number): void {
    const address = this.#addresses.read(to);
    const family = socket === SOCKET_ID.ipv6 ? 'ipv6' : 'ipv4';
    if (address !== null) this.#sockets[family]?.send(datagram, address, hopLimit);
  }

  /** Undefined where it is not looked at. */
  get nat(): NatBehaviour | undefined {
    return this.#natWatch?.nat;
  }

  /** More supernodes are in use: the NAT can be looked at from more sides. */
  refreshNat(): void {
    this.#natWatch?.refresh();
  }

  /** Asks again how this machine's sockets look from outside. */
  gatherAgain(): void {
    this.#mapper?.renew();
    this.gatherer.gather({ again: true });
  }

  /** Nothing is discovered any more; the sockets stay. */
  stopDiscovery(): void {
    this.#natWatch?.close();
  }

  async releasePort(): Promise<void> {
    await this.#mapper?.close();
  }

  async close(): Promise<void> {
    await this.#sockets.ipv4?.close();
    await this.#sockets.ipv6?.close();
  }
}

/** One socket for IPv4 and, where the machine has it, one for IPv6; with `--bind` the one that was asked for. */
async function openSockets(
  bindAddress: string | undefined,
  { onDatagram }: Pick<LocalNetworkHandlers, 'onDatagram'>,
): Promise<Record<'ipv4' | 'ipv6', DatagramSocket | null>> {
  const sources = new KnownAddresses();
  const handlerFor = (family: 'ipv4' | 'ipv6') => (datagram: Uint8Array, source: UdpAddress) =>
    onDatagram(SOCKET_ID[family], datagram, sources.textOf(source));
  const bind = (family: 'ipv4' | 'ipv6', address: string) =>
    UdpSocket.bind({ address, port: 0 }, handlerFor(family));
  if (bindAddress !== undefined) {
    const family = isIPv6(bindAddress) ? 'ipv6' : 'ipv4';
    return { ipv4: null, ipv6: null, [family]: await bind(family, bindAddress) };
  }
  return {
    ipv4: await Ipv4Socket.bind(handlerFor('ipv4')),
    ipv6: await bind('ipv6', '::').catch(() => null),
  };
}

function makeNatWatch(
  { path, exposeAddress, bindAddress }: SoftphoneOptions,
  handlers: LocalNetworkHandlers,
  log: Logger,
): NatWatch | null {
  // Without a choice of paths no call is placed or taken.
  if (path === undefined || path === 'relay' || exposeAddress === 'never') return null;
  if (bindAddress !== undefined && isIPv6(bindAddress)) return null;
  return new NatWatch({
    servers: () => {
      const inUse = handlers.inUse();
      const keys = inUse.map(({ key }) => key.x);
      return [...inUse, ...handlers.all().filter(({ key }) => !keys.includes(key.x))];
    },
    inUse: () => handlers.inUse().length,
    bindAddress,
    onReport: (report) => {
      log.debug(report, 'NAT behaviour');
      handlers.onNat(report.nat);
    },
  });
}

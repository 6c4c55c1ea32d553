import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import {
  addressTowardsInternet,
  type DatagramSocket,
  DeadlineTimer,
  Ipv4Socket,
  localAddresses,
  monotonicMs,
} from '@overcall/net';
import {
  BindingQuery,
  type Candidate,
  formatAddressPort,
  type LocalSocket,
  mayCheck,
  parseAddressPort,
} from '@overcall/traversal';

/** How often it is looked whether this machine's addresses have changed, ms. A roaming phone must notice at once. */
const WATCH_INTERVAL_MS = 250;
/** STUN servers asked for each socket: two show whether the NAT gives every destination another port. */
const MAX_SERVERS = 3;
/** Answers younger than this need not be asked for again, ms: a NAT keeps mappings for longer (RFC 4787, REQ-5). */
const FRESH_MS = 10_000;
/** A path that fails again and again asks no more often than this, ms. */
const LEAST_INTERVAL_MS = 500;

export interface GathererHandlers {
  /** All that is known, whenever that changes. */
  onCandidates(candidates: readonly Candidate[]): void;
  /** This machine has other addresses than before. */
  onNetworkChange(): void;
  /** `ip:port` of supernodes that answer STUN. */
  servers(): readonly string[];
}

export interface GatheringSocket extends LocalSocket {
  socket: DatagramSocket;
}

/** Finds out at which addresses this softphone's sockets may be reached, and notices when they change. */
export class CandidateGatherer {
  readonly #sockets: readonly GatheringSocket[];
  readonly #handlers: GathererHandlers;
  readonly #queries = new Map<number, BindingQuery>();
  readonly #towardsInternet = new Map<string, string>();
  readonly #timer = new DeadlineTimer(() => this.#pump());
  readonly #hosts = new Map<number, string[]>();
  /** How a server sees a socket, by socket and server. */
  readonly #mapped = new Map<string, string>();
  #portMapped: string | null = null;
  #gatheredAtMs = Number.NEGATIVE_INFINITY;
  #known = '';
  #watch: NodeJS.Timeout | undefined;

  constructor(sockets: readonly GatheringSocket[], handlers: GathererHandlers) {
    this.#sockets = sockets;
    this.#handlers = handlers;
  }

  /** What is known so far. */
  get candidates(): Candidate[] {
    const hosts = [...this.#hosts.values()].flat();
    const portMapped = this.#portMapped === null ? [] : [this.#portMapped];
    const known = [...hosts, ...portMapped];
    const seen = [...new Set(this.#mapped.values())].filter((address) => !known.includes(address));
    return [
      ...hosts.map((address): Candidate => ({ kind: 'host', address })),
      ...portMapped.map((address): Candidate => ({ kind: 'port-mapped', address })),
      ...seen.map((address): Candidate => ({ kind: 'server-reflexive', address })),
    ];
  }

  /** Gathers, and watches this machine's addresses from now on. What was gathered a moment ago will do unless `again`. */
  gather({ again = false } = {}): void {
    this.#watchAddresses();
    const ageMs = monotonicMs() - this.#gatheredAtMs;
    if (ageMs < (again ? LEAST_INTERVAL_MS : FRESH_MS)) return;
    this.#gatheredAtMs = monotonicMs();
    for (const socket of this.#sockets) {
      this.#hosts.set(socket.id, this.#addressesOf(socket));
      void this.#learnLocalAddress(socket);
      this.#ask(socket);
    }
    this.#handlers.onCandidates(this.candidates);
    this.#pump();
  }

  /** The outside address of the port that a router has mapped for us; null when there is none. */
  setPortMapped(address: string | null): void {
    this.#portMapped = address;
    if (this.#watch !== undefined) this.#handlers.onCandidates(this.candidates);
  }

  #watchAddresses(): void {
    if (this.#watch !== undefined) return;
    this.#known = fingerprint();
    this.#watch = setInterval(() => this.#look(), WATCH_INTERVAL_MS);
    this.#watch.unref();
  }

  /** Nobody needs candidates any more. */
  rest(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
    this.#timer.set(null);
    this.#queries.clear();
    this.#mapped.clear();
    this.#gatheredAtMs = Number.NEGATIVE_INFINITY;
  }

  #look(): void {
    const now = fingerprint();
    if (now === this.#known) return;
    this.#known = now;
    this.#mapped.clear();
    this.#gatheredAtMs = Number.NEGATIVE_INFINITY;
    void this.#changeNetwork();
  }

  /** A machine may have lost IPv4 and be behind a NAT64 now, or the other way round. */
  async #changeNetwork(): Promise<void> {
    this.#handlers.onNetworkChange();
    this.gather();
    const changes = this.#sockets.map(
      ({ socket }) => socket instanceof Ipv4Socket && socket.handleNetworkChange(),
    );
    if (!(await Promise.all(changes)).includes(true)) return;
    this.#handlers.onNetworkChange();
    this.gather({ again: true });
  }

  #addressesOf({ socket, family }: GatheringSocket): string[] {
    const { address, port } = socket.address;
    const isWildcard = address === '0.0.0.0' || address === '::';
    const addresses = isWildcard
      ? localAddresses()
          .filter((each) => each.family === family)
          .map((each) => each.address)
      : [address];
    return addresses.map((each) => formatAddressPort({ address: each, port }));
  }

  #ask({ id, family }: GatheringSocket): void {
    const servers = this.#handlers
      .servers()
      .filter((server) => isIPv6(parseAddressPort(server)?.address ?? '') === (family === 'ipv6'));
    if (servers.length === 0) return;
    this.#queries.set(id, new BindingQuery(servers.slice(0, MAX_SERVERS), randomBytes, monotonicMs()));
  }

  #pump(): void {
    const nowMs = monotonicMs();
    let deadline = Number.POSITIVE_INFINITY;
    for (const { id, socket } of this.#sockets) {
      const query = this.#queries.get(id);
      if (query === undefined) continue;
      for (const { to, datagram } of query.poll(nowMs)) socket.send(datagram, parseAddressPort(to)!);
      if (query.isOver) this.#queries.delete(id);
      else deadline = Math.min(deadline, query.deadline);
    }
    this.#timer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
  }

  /** A STUN message that arrived on one of the sockets. */
  handleDatagram(socketId: number, from: string, datagram: Uint8Array): void {
    const found = this.#queries.get(socketId)?.handleDatagram(from, datagram);
    if (!found) return;
    this.#mapped.set(`${socketId} ${found.server}`, found.mapped);
    this.#handlers.onCandidates(this.candidates);
    this.#pump();
  }

  async #learnLocalAddress({ socket, family }: GatheringSocket): Promise<void> {
    const { address, port } = socket.address;
    const isWildcard = address === '0.0.0.0' || address === '::';
    const leaving = isWildcard ? await addressTowardsInternet(family) : address;
    if (leaving !== null) this.#towardsInternet.set(family, formatAddressPort({ address: leaving, port }));
  }

  /** The local `ip:port` of a socket as datagrams to the Internet carry it, before any NAT. */
  localAddressOf(family: 'ipv4' | 'ipv6'): string {
    return this.#towardsInternet.get(family) ?? '';
  }

  /** Whether a check may go to an address that a peer named. What leads to IPv4 has to be named as IPv4. */
  mayCheck(address: string): boolean {
    if (this.#sockets.some(({ socket }) => socket instanceof Ipv4Socket && socket.isBehindNat64(address)))
      return false;
    const bound = this.#sockets.map(({ socket }) => socket.address.address);
    const loopback = bound.some((each) => each.startsWith('127.')) ? ['127.0.0.0/8'] : [];
    return mayCheck(address, [...localAddresses().map(({ network }) => network), ...loopback]);
  }
}

const fingerprint = (): string =>
  localAddresses()
    .map(({ address }) => address)
    .sort()
    .join(' ');

import { addressIn, endpointOf, portIn } from './address-book.ts';
import { Attachment } from './attachment.ts';
import { Datagram } from './datagram.ts';
import { SimError } from './errors.ts';
import type { Place } from './place.ts';
import type { HostSpec } from './scenario.ts';
import type { World } from './world.ts';

/** As Linux sets it. */
const DEFAULT_TTL = 64;

/** Where ports of sockets come from that did not ask for one (RFC 6335 section 6). */
const EPHEMERAL_FIRST = 49_152;
const EPHEMERAL_COUNT = 16_384;

interface SendOptions {
  /** Hops that the datagram may take; less than 12 do not cross the Internet. */
  ttl?: number;
}

/** A UDP socket, open on all addresses of its host. */
export interface Socket {
  readonly port: number;
  /** `ip:port` of the host's first address; another one when the host has moved. */
  readonly local: string;
  /** One for each address of the host. */
  readonly locals: readonly string[];
  /** @param to `ip:port` @throws SimError `bad-address`, or `closed` */
  send(to: string, bytes: Uint8Array, options?: SendOptions): void;
  onDatagram: (bytes: Uint8Array, from: string) => void;
  close(): void;
}

/** A machine with one IPv4 or IPv6 address, or one of each. */
export class Host extends Attachment {
  #addresses: number[] = [];
  readonly #sockets = new Map<number, Socket>();

  constructor(world: World, name: string, place: Place, spec: Pick<HostSpec, 'address' | 'address6'>) {
    super(world, name, place);
    this.#settle(place, spec);
  }

  get address(): string {
    return this.world.addresses.addressOf(this.#addresses[0]!);
  }

  get addresses(): string[] {
    return this.#addresses.map((id) => this.world.addresses.addressOf(id));
  }

  /** Moves elsewhere; sockets stay open, and what is under way to the old place is lost. */
  move(place: Place, spec: Pick<HostSpec, 'address' | 'address6'>): void {
    for (const address of this.#addresses)
      for (const one of placesOnTheWay(this.place, this)) one.place.detach(address, one.node);
    this.#settle(place, spec);
  }

  /** @param port any free one when there is none @throws SimError `port-taken` */
  bind(port = this.#freePort()): Socket {
    if (this.#sockets.has(port)) throw new SimError('port-taken', `${this.name}: port ${port} is in use`);
    const socket = new HostSocket(this, port, () => this.#sockets.delete(port));
    this.#sockets.set(port, socket);
    return socket;
  }

  send(port: number, to: string, bytes: Uint8Array, ttl = DEFAULT_TTL): void {
    const { world } = this;
    const target = world.addresses.endpoint(to);
    const ipv6 = world.addresses.isIPv6(addressIn(target));
    const source = this.#addresses.find((address) => world.addresses.isIPv6(address) === ipv6);
    const datagram = new Datagram(endpointOf(source ?? this.#addresses[0]!, port), target, bytes, ipv6, ttl);
    world.counters.sent++;
    world.trace?.('sent', datagram);
    if (source === undefined) world.end(datagram, 'no-route');
    else if (this.#addresses.includes(addressIn(target))) this.world.loopBack(datagram, this);
    else this.sendUp(datagram);
  }

  protected arrive(datagram: Datagram): void {
    const { world } = this;
    const socket = this.#sockets.get(portIn(datagram.to));
    if (!this.#addresses.includes(addressIn(datagram.to))) world.end(datagram, 'no-route');
    else if (socket === undefined) world.end(datagram, 'no-socket');
    else {
      world.end(datagram, 'delivered');
      socket.onDatagram(datagram.bytes, world.addresses.textOf(datagram.from));
    }
  }

  #settle(place: Place, { address, address6 }: Pick<HostSpec, 'address' | 'address6'>): void {
    const { addresses } = this.world;
    this.place = place;
    this.#addresses = [address, ...(address6 === undefined ? [] : [address6])].map((text) =>
      addresses.idOf(text),
    );
    for (const id of this.#addresses) {
      place.attach(id, this);
      // IPv6 is routed, not translated: everybody further out knows the way.
      if (addresses.isIPv6(id)) for (const one of placesOnTheWay(place, this)) one.place.attach(id, one.node);
    }
  }

  #freePort(): number {
    for (;;) {
      const port = EPHEMERAL_FIRST + this.world.random.below(EPHEMERAL_COUNT);
      if (!this.#sockets.has(port)) return port;
    }
  }
}

/** Each place from here to the public segment, with the node in it that leads to `host`. */
function placesOnTheWay(place: Place, host: Attachment): { place: Place; node: Attachment }[] {
  const way = [{ place, node: host }];
  for (let at = place; at.outer !== null; at = at.outer) way.push({ place: at.outer, node: at.gateway! });
  return way;
}

class HostSocket implements Socket {
  readonly port: number;
  onDatagram: Socket['onDatagram'] = () => {};
  readonly #host: Host;
  readonly #forget: () => void;
  #open = true;

  constructor(host: Host, port: number, forget: () => void) {
    this.#host = host;
    this.port = port;
    this.#forget = forget;
  }

  get local(): string {
    return this.locals[0]!;
  }

  get locals(): string[] {
    return this.#host.addresses.map((address) =>
      address.includes(':') ? `[${address}]:${this.port}` : `${address}:${this.port}`,
    );
  }

  send(to: string, bytes: Uint8Array, options?: SendOptions): void {
    if (!this.#open) throw new SimError('closed', `${this.#host.name}: socket ${this.port} is closed`);
    this.#host.send(this.port, to, bytes, options?.ttl);
  }

  close(): void {
    if (this.#open) this.#forget();
    this.#open = false;
  }
}

import type { AddressPolicy } from './address-policy.ts';
import type { ListedNode } from './listed-nodes.ts';
import { isConnection, type RelaySource } from './relay-flows.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

/** A supernode that calls come from or go to over a way of several. All flows that it is next to share this object. */
export interface Neighbour {
  readonly id: string;
  /** Where datagrams for it go. Changed in place, so that a new list moves every flow. */
  readonly to: RelaySource;
  /** Where its datagrams may come from: all addresses that the list names. */
  from: readonly RelaySource[];
  /** Halves of flows that it opened here. */
  halves: number;
  /** Flows that it opens. */
  readonly opens: TokenBucket;
  /** Everything that it sends here to be relayed. */
  readonly bytes: TokenBucket;
}

export interface NeighbourOptions {
  /** This supernode's socket for a family of addresses; null when it has none. */
  socketFor(family: 'ipv4' | 'ipv6'): number | null;
  mayRelayTo: AddressPolicy;
  /** Of this supernode itself. */
  me: string;
  bytes: Rate;
}

/** Whether a datagram from there is the neighbour's, on whichever socket it arrives. */
export function isAt({ from }: Neighbour, source: RelaySource): boolean {
  return (
    !isConnection(source) && from.some((own) => own.port === source.port && own.address === source.address)
  );
}

/** Flows that one neighbour opens: some hundred softphones, each with a few routes for a call. */
const HOP_OPENS: Rate = { perSecond: 100, burst: 400 };
/** Neighbours without flows that are remembered, so that their limits outlive a flow. */
const MAX_IDLE_NEIGHBOURS = 256;

/**
 * Supernodes that halves of flows lead to, as many as there are halves. Only addresses that the list names, and that may be
 * relayed to, count.
 */
export class HopNeighbours {
  readonly #options: NeighbourOptions;
  readonly #byId = new Map<string, Neighbour>();
  #find: (id: string) => ListedNode | null = () => null;
  #bytes: Rate;

  constructor(options: NeighbourOptions) {
    this.#options = options;
    this.#bytes = options.bytes;
  }

  /** What each may have relayed from now on. */
  changeBytes(bytes: Rate, nowMs: number): void {
    this.#bytes = bytes;
    for (const neighbour of this.#byId.values()) neighbour.bytes.changeRate(bytes, nowMs);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** One that there are, or lately were, flows with. */
  known(id: string): Neighbour | null {
    return this.#byId.get(id) ?? null;
  }

  /** Null when the list names no address of it that this supernode can and may send to. */
  get(id: string, nowMs: number): Neighbour | null {
    const known = this.known(id);
    if (known) return known;
    const from = this.#sourcesOf(id);
    if (from.length === 0) return null;
    if (this.#byId.size >= MAX_IDLE_NEIGHBOURS) this.#forgetIdle();
    const bytes = new TokenBucket(this.#bytes, nowMs);
    const opens = new TokenBucket(HOP_OPENS, nowMs);
    const neighbour = { id, to: { ...from[0]! }, from, halves: 0, opens, bytes };
    this.#byId.set(id, neighbour);
    return neighbour;
  }

  /** There is a newer list. Returns those that it names no more: their flows must end. */
  handleList(find: (id: string) => ListedNode | null): Neighbour[] {
    this.#find = find;
    const gone: Neighbour[] = [];
    for (const neighbour of [...this.#byId.values()]) {
      neighbour.from = this.#sourcesOf(neighbour.id);
      if (neighbour.from.length > 0) Object.assign(neighbour.to, neighbour.from[0]);
      else {
        this.#byId.delete(neighbour.id);
        gone.push(neighbour);
      }
    }
    return gone;
  }

  #forgetIdle(): void {
    for (const [id, { halves }] of this.#byId) if (halves === 0) this.#byId.delete(id);
  }

  #sourcesOf(id: string): RelaySource[] {
    const { socketFor, mayRelayTo, me } = this.#options;
    // What claims to be at an address of this supernode would have it relay to itself, in circles.
    const own = this.#find(me)?.udp ?? [];
    return (this.#find(id)?.udp ?? []).flatMap(({ address, port }) => {
      const isOwn = own.some((each) => each.address === address && each.port === port);
      const socket = socketFor(address.includes(':') ? 'ipv6' : 'ipv4');
      if (isOwn || port === 0 || socket === null || !mayRelayTo(address)) return [];
      return [{ address, port, socket }];
    });
  }
}

import { addressIn, portIn } from './address-book.ts';
import { type PortAllocator, portAllocator } from './nat-ports.ts';
import { PeerTable } from './peer-table.ts';
import type { Random } from './random.ts';
import type { Filtering, Mapping, NatKind } from './scenario.ts';

/** The state of a NAT, whoever it is made by. Endpoints and peers are numbers (see {@link AddressBook}). */
export interface Translation {
  /** The outside port of a flow, after noting it; -1 when no port is left. */
  outbound(inside: number, peer: number, nowMs: number): number;
  /** Whom a packet from outside is for, after noting it; -1 when it is not let in. */
  inbound(port: number, peer: number, nowMs: number): number;
  /** Forgets every mapping. */
  rebind(nowMs: number): void;
}

interface Binding {
  inside: number;
  port: number;
  madeAtMs: number;
  usedAtMs: number;
  /** Null where anyone may send. */
  peers: PeerTable | null;
}

/** RFC 4787 section 4.3, REQ-5. */
const DEFAULT_LIFETIME_S = 120;

export const lifetimeMsOf = ({ lifetimeS = DEFAULT_LIFETIME_S }: NatKind): number => lifetimeS * 1000;

/**
 * A NAT that does what RFC 4787 has words for: bindings found by inside endpoint (and peer, as far as `mapping` asks
 * for it) on the way out, by port on the way in. What has died is replaced when it is next looked for.
 */
export class NatTable implements Translation {
  readonly #mapping: Mapping;
  readonly #filtering: Filtering;
  readonly #lifetimeMs: number;
  readonly #maxAgeMs: number | null;
  readonly #ports: PortAllocator;
  /** Of a NAT that is endpoint-independent; of the others by peer. */
  readonly #byInside = new Map<number, Binding>();
  readonly #byInsideAndPeer = new Map<number, Map<number, Binding>>();
  readonly #byPort = new Map<number, Binding>();
  /** Ports from before a rebind, which their owners do not get again before they would have died. */
  readonly #spentUntilMs = new Map<number, number>();
  #nowMs = 0;

  constructor(kind: NatKind, random: Random) {
    this.#mapping = kind.mapping;
    this.#filtering = kind.filtering;
    this.#lifetimeMs = lifetimeMsOf(kind);
    this.#maxAgeMs = kind.maxAgeS === undefined ? null : kind.maxAgeS * 1000;
    this.#ports = portAllocator(kind.ports ?? 'preserve', random);
  }

  outbound(inside: number, peer: number, nowMs: number): number {
    let binding = this.#ofFlow(inside, peer);
    if (binding === undefined || !this.#isAlive(binding, nowMs)) {
      const made = this.#make(inside, nowMs);
      if (made === null) return -1;
      binding = made;
      this.#setFlow(inside, peer, binding);
    }
    binding.usedAtMs = nowMs;
    binding.peers?.note(this.#filterKey(peer), nowMs);
    return binding.port;
  }

  inbound(port: number, peer: number, nowMs: number): number {
    const binding = this.#byPort.get(port);
    if (binding === undefined || !this.#isAlive(binding, nowMs)) return -1;
    if (binding.peers !== null) {
      const key = this.#filterKey(peer);
      // Of a NAT with a fixed age the filter lives as long as the binding.
      if (!binding.peers.knows(key, nowMs, this.#maxAgeMs ?? this.#lifetimeMs)) return -1;
      binding.peers.note(key, nowMs);
    }
    binding.usedAtMs = nowMs;
    this.#answersGoBack(binding, peer, nowMs);
    return binding.inside;
  }

  rebind(nowMs: number): void {
    const until = nowMs + (this.#maxAgeMs ?? this.#lifetimeMs);
    for (const [port, binding] of this.#byPort)
      if (this.#isAlive(binding, nowMs)) this.#spentUntilMs.set(port, until);
    this.#byInside.clear();
    this.#byInsideAndPeer.clear();
    this.#byPort.clear();
  }

  /** A stranger that was let in is answered from the port it sent to, as long as no other was used towards it. */
  #answersGoBack(binding: Binding, peer: number, nowMs: number): void {
    if (this.#mapping === 'eim') return;
    const existing = this.#ofFlow(binding.inside, peer);
    if (existing === undefined || !this.#isAlive(existing, nowMs))
      this.#setFlow(binding.inside, peer, binding);
  }

  #ofFlow(inside: number, peer: number): Binding | undefined {
    if (this.#mapping === 'eim') return this.#byInside.get(inside);
    return this.#byInsideAndPeer.get(inside)?.get(this.#mappingKey(peer));
  }

  #setFlow(inside: number, peer: number, binding: Binding): void {
    if (this.#mapping === 'eim') {
      this.#byInside.set(inside, binding);
      return;
    }
    let byPeer = this.#byInsideAndPeer.get(inside);
    if (byPeer === undefined) {
      byPeer = new Map();
      this.#byInsideAndPeer.set(inside, byPeer);
    }
    byPeer.set(this.#mappingKey(peer), binding);
  }

  #make(inside: number, nowMs: number): Binding | null {
    this.#nowMs = nowMs;
    const port = this.#ports.allocate(addressIn(inside), portIn(inside), this.#isFree);
    if (port < 0) return null;
    const peers = this.#filtering === 'eif' ? null : new PeerTable();
    const binding = { inside, port, madeAtMs: nowMs, usedAtMs: nowMs, peers };
    this.#byPort.set(port, binding);
    return binding;
  }

  readonly #isFree = (port: number): boolean => {
    const binding = this.#byPort.get(port);
    if (binding !== undefined && this.#isAlive(binding, this.#nowMs)) return false;
    return (this.#spentUntilMs.get(port) ?? 0) <= this.#nowMs;
  };

  #isAlive({ madeAtMs, usedAtMs }: Binding, nowMs: number): boolean {
    if (this.#maxAgeMs !== null) return nowMs - madeAtMs < this.#maxAgeMs;
    return nowMs - usedAtMs < this.#lifetimeMs;
  }

  #mappingKey(peer: number): number {
    return this.#mapping === 'adm' ? addressIn(peer) : peer;
  }

  #filterKey(peer: number): number {
    return this.#filtering === 'adf' ? addressIn(peer) : peer;
  }
}

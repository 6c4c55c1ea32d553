import { randomBytes } from 'node:crypto';
import { DeadlineTimer, monotonicMs } from '@overcall/net';
import { RoundTripQuery } from '@overcall/traversal';
import { type ProbeNetwork, reachableAddress } from './attachment-watch.ts';

/** Measures round trips to supernodes over UDP, one round at a time. */
export class RoundTrips {
  readonly #network: ProbeNetwork;
  readonly #onMeasured: (supernodeId: string, rttMs: number | null) => void;
  readonly #onOver: () => void;
  readonly #timer = new DeadlineTimer(() => this.#pump());
  #query: RoundTripQuery | null = null;
  readonly #idByAddress = new Map<string, string>();
  readonly #socketByAddress = new Map<string, number>();

  constructor(
    network: ProbeNetwork,
    handlers: { onMeasured(supernodeId: string, rttMs: number | null): void; onOver(): void },
  ) {
    this.#network = network;
    this.#onMeasured = handlers.onMeasured;
    this.#onOver = handlers.onOver;
  }

  /** A new round; what is left of the one before is given up. */
  measure(supernodes: readonly { id: string; udp: readonly string[] }[]): void {
    this.#idByAddress.clear();
    for (const { id, udp } of supernodes) {
      const reachable = reachableAddress(udp, this.#network);
      if (reachable === null) this.#onMeasured(id, null);
      else {
        this.#idByAddress.set(reachable.address, id);
        this.#socketByAddress.set(reachable.address, reachable.socket);
      }
    }
    const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
    this.#query = new RoundTripQuery([...this.#idByAddress.keys()], random, monotonicMs());
    this.#pump();
  }

  /** A STUN message that arrived on one of the sockets. */
  handleDatagram(from: string, datagram: Uint8Array): void {
    const found = this.#query?.handleDatagram(from, datagram, monotonicMs());
    if (found) this.#tell(found.server, found.rttMs);
  }

  #tell(address: string, rttMs: number | null): void {
    const id = this.#idByAddress.get(address);
    if (id !== undefined) this.#onMeasured(id, rttMs);
  }

  #pump(): void {
    if (this.#query === null) return;
    const nowMs = monotonicMs();
    for (const { to, datagram } of this.#query.poll(nowMs))
      this.#network.send(this.#socketByAddress.get(to)!, to, datagram);
    for (const silent of this.#query.takeSilent(nowMs)) this.#tell(silent, null);
    const { deadline } = this.#query;
    if (deadline !== Number.POSITIVE_INFINITY) {
      this.#timer.set(deadline);
      return;
    }
    this.#query = null;
    this.#timer.set(null);
    this.#onOver();
  }

  close(): void {
    this.#query = null;
    this.#timer.set(null);
  }
}

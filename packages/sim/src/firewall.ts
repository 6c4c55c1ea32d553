import { addressIn, portIn } from './address-book.ts';
import { PeerTable } from './peer-table.ts';
import type { Filtering, FirewallKind } from './scenario.ts';

/** RFC 6092 REC-14 wants at least two minutes, as RFC 4787 does for NATs. */
const LIFETIME_MS = 120_000;

/** A stateful packet filter for UDP, without translation. */
export class Firewall {
  readonly #kind: FirewallKind;
  readonly #filtering: Filtering;
  readonly #peersByLocal = new Map<number, PeerTable>();

  constructor(kind: FirewallKind, filtering: Filtering = 'apdf') {
    this.#kind = kind;
    this.#filtering = filtering;
  }

  passesOut(local: number, peer: number, nowMs: number): boolean {
    const answers = this.passesIn(local, peer, nowMs);
    if (!answers && !this.#allows(portIn(peer))) return false;
    let peers = this.#peersByLocal.get(local);
    if (peers === undefined) {
      peers = new PeerTable();
      this.#peersByLocal.set(local, peers);
    }
    peers.note(this.#key(peer), nowMs);
    return true;
  }

  passesIn(local: number, peer: number, nowMs: number): boolean {
    const peers = this.#peersByLocal.get(local);
    if (peers === undefined || !peers.knows(this.#key(peer), nowMs, LIFETIME_MS)) return false;
    peers.note(this.#key(peer), nowMs);
    return true;
  }

  #allows(port: number): boolean {
    if (this.#kind === '53-443-only') return port === 53 || port === 443;
    return this.#kind === 'stateful';
  }

  #key(peer: number): number {
    if (this.#filtering === 'eif') return 0; // whoever it was: the local port has been used
    return this.#filtering === 'adf' ? addressIn(peer) : peer;
  }
}

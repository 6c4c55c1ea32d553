import type { KeyId } from '@overcall/identity';

/** Supernodes of a peer that are kept in mind. */
const MAX_WAYS = 4;

/**
 * Where a peer can be signalled: where it says that it is attached (its presence record, its invite, `routes`), and where it
 * was last heard. Both, for what it said may be old, and what a supernode says of where a signal came from may be a lie.
 */
export class PeerWays {
  #attached: readonly KeyId[];
  #heardAt: KeyId | null;

  constructor(attached: readonly KeyId[], heardAt: KeyId | null = null) {
    this.#attached = attached.slice(0, MAX_WAYS);
    this.#heardAt = heardAt;
  }

  /** Best first. */
  get all(): KeyId[] {
    const heard = this.#heardAt === null ? [] : [this.#heardAt];
    return [...new Set([...heard, ...this.#attached])].slice(0, MAX_WAYS);
  }

  /** Something authentic came by way of this supernode. True when it was not known to be one of the peer's. */
  hear(supernode: KeyId): boolean {
    const isNew = !this.all.includes(supernode);
    this.#heardAt = supernode;
    return isNew;
  }

  /**
   * The peer says that it is attached to these. True when signals that were sent before may be lost: one of those that were
   * known is gone, or it was the only one.
   */
  replace(attached: readonly KeyId[]): boolean {
    if (attached.length === 0) return false;
    const before = this.all;
    this.#attached = attached.slice(0, MAX_WAYS);
    const isThin = before.length < 2 || before.some((supernode) => !this.#attached.includes(supernode));
    return isThin && this.#attached.some((supernode) => !before.includes(supernode));
  }
}

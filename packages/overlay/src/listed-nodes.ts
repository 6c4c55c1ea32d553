import type { IndexEpoch } from '@overcall/identity';

/** What the signed list says of a supernode that others have to do with. */
export interface ListedNode {
  /** Identity key id. */
  id: string;
  /** Its UDP addresses, each in the one spelling that sockets use. */
  udp: readonly { address: string; port: number }[];
  /** When it was admitted, ms since 1970; unknown in lists of old directories. */
  since?: number;
}

/** The supernodes of the newest list, by key id, and how they share the presence index. */
export class ListedNodes {
  readonly all: readonly ListedNode[];
  readonly epochs: readonly IndexEpoch[];
  readonly #byId: ReadonlyMap<string, ListedNode>;

  constructor(all: readonly ListedNode[], epochs: readonly IndexEpoch[]) {
    this.all = all;
    this.epochs = epochs;
    this.#byId = new Map(all.map((node) => [node.id, node]));
  }

  get(id: string): ListedNode | null {
    return this.#byId.get(id) ?? null;
  }
}

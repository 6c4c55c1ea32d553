import type { HalfId, Leg } from './relay-flows.ts';

/**
 * Relay opens that wait for the other party. When there is no room, whoever has most of them waiting gives way, so
 * that a few accounts, or supernodes, cannot keep everybody else from opening relays.
 */
export class PendingLegs<Ticket> {
  readonly #max: number;
  /** Oldest first. */
  readonly #legs = new Set<Leg<Ticket>>();
  readonly #countByOwner = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#legs.size;
  }

  add(leg: Leg<Ticket>): void {
    const owner = ownerOf(leg);
    this.#legs.add(leg);
    this.#countByOwner.set(owner, (this.#countByOwner.get(owner) ?? 0) + 1);
  }

  delete(leg: Leg<Ticket>): void {
    if (!this.#legs.delete(leg)) return;
    const owner = ownerOf(leg);
    const left = (this.#countByOwner.get(owner) ?? 0) - 1;
    if (left > 0) this.#countByOwner.set(owner, left);
    else this.#countByOwner.delete(owner);
  }

  /** Which leg must go before this half may be added: null when there is room, `refuse` when its owner has most. */
  toShedFor(half: HalfId): Leg<Ticket> | null | 'refuse' {
    if (this.#legs.size < this.#max) return null;
    const most = Math.max(0, ...this.#countByOwner.values());
    if ((this.#countByOwner.get(ownerOf(half)) ?? 0) >= most) return 'refuse';
    for (const leg of this.#legs) {
      if (this.#countByOwner.get(ownerOf(leg)) === most) return leg;
    }
    return 'refuse';
  }
}

/** A user, or the supernode that speaks for users. */
function ownerOf({ party, neighbour }: HalfId): string {
  return neighbour?.id ?? party;
}

import type { Leg } from './relay-flows.ts';

/**
 * Relay opens that wait for the other party. When there is no room, whoever has most of them waiting gives way, so
 * that a few accounts cannot keep everybody else from opening relays.
 */
export class PendingLegs<Ticket> {
  readonly #max: number;
  /** Oldest first. */
  readonly #legs = new Set<Leg<Ticket>>();
  readonly #countByParty = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#legs.size;
  }

  add(leg: Leg<Ticket>): void {
    const { party } = leg;
    this.#legs.add(leg);
    this.#countByParty.set(party, (this.#countByParty.get(party) ?? 0) + 1);
  }

  delete(leg: Leg<Ticket>): void {
    if (!this.#legs.delete(leg)) return;
    const { party } = leg;
    const left = (this.#countByParty.get(party) ?? 0) - 1;
    if (left > 0) this.#countByParty.set(party, left);
    else this.#countByParty.delete(party);
  }

  /** Which leg must go before `party` may add one: null when there is room, `refuse` when it has most itself. */
  toShedFor(party: string): Leg<Ticket> | null | 'refuse' {
    if (this.#legs.size < this.#max) return null;
    const most = Math.max(0, ...this.#countByParty.values());
    if ((this.#countByParty.get(party) ?? 0) >= most) return 'refuse';
    for (const leg of this.#legs) {
      if (this.#countByParty.get(leg.party) === most) return leg;
    }
    return 'refuse';
  }
}

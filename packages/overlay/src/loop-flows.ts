import type { Leg } from './relay-flows.ts';

/**
 * Flows of softphones to themselves, by which they find out whether the relay does its job: one for each owner (an
 * attachment), so that there are never more than softphones. They are no calls, and count as none.
 */
export class LoopFlows<Ticket> {
  readonly #byOwner = new Map<number, Leg<Ticket>>();
  readonly #ownerByLeg = new Map<Leg<Ticket>, number>();

  get size(): number {
    return this.#byOwner.size;
  }

  of(owner: number): Leg<Ticket> | null {
    return this.#byOwner.get(owner) ?? null;
  }

  add(owner: number, leg: Leg<Ticket>): void {
    this.#byOwner.set(owner, leg);
    this.#ownerByLeg.set(leg, owner);
  }

  delete(leg: Leg<Ticket>): void {
    const owner = this.#ownerByLeg.get(leg);
    if (owner === undefined) return;
    this.#ownerByLeg.delete(leg);
    this.#byOwner.delete(owner);
  }
}

import type { FlowId } from '@overcall/wire';
import type { HalfId, Leg } from './relay-flows.ts';

/**
 * Halves of flows by the id that they send on, which every datagram carries. The few that share an id are a chain
 * through the legs themselves: neither a list for each id nor a second map with keys of text, which together took more
 * memory than the legs.
 */
export class LegIndex<Ticket> {
  /** By the id as a signed number: V8 keeps these without an object of their own. */
  readonly #firstBySendFlow = new Map<number, Leg<Ticket>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The first of those that send on an id; `nextOfFlow` leads to the others. */
  first(sendFlow: FlowId): Leg<Ticket> | undefined {
    return this.#firstBySendFlow.get(sendFlow | 0);
  }

  find({ party, neighbour = null, receiveFlow, sendFlow }: HalfId): Leg<Ticket> | undefined {
    const receives = receiveFlow | 0;
    let leg = this.first(sendFlow);
    while (leg && (leg.party !== party || leg.neighbour !== neighbour || leg.receiveFlow !== receives))
      leg = leg.nextOfFlow;
    return leg;
  }

  /** Everybody who sends on an id. */
  all(sendFlow: FlowId): Leg<Ticket>[] {
    const legs: Leg<Ticket>[] = [];
    for (let leg = this.first(sendFlow); leg !== undefined; leg = leg.nextOfFlow) legs.push(leg);
    return legs;
  }

  /** Behind those that are there: the oldest is asked first. */
  add(leg: Leg<Ticket>): void {
    this.#size++;
    let last = this.first(leg.sendFlow);
    if (last === undefined) {
      this.#firstBySendFlow.set(leg.sendFlow | 0, leg);
      return;
    }
    while (last.nextOfFlow !== undefined) last = last.nextOfFlow;
    last.nextOfFlow = leg;
  }

  /** False when it is not there. */
  delete(leg: Leg<Ticket>): boolean {
    let before: Leg<Ticket> | undefined;
    let at = this.first(leg.sendFlow);
    while (at !== undefined && at !== leg) [before, at] = [at, at.nextOfFlow];
    if (at === undefined) return false;
    this.#size--;
    if (before !== undefined) before.nextOfFlow = leg.nextOfFlow;
    else if (leg.nextOfFlow !== undefined) this.#firstBySendFlow.set(leg.sendFlow | 0, leg.nextOfFlow);
    else this.#firstBySendFlow.delete(leg.sendFlow | 0);
    return true;
  }

  /** Those for which it holds. Collected first: they may be deleted meanwhile. */
  filter(holds: (leg: Leg<Ticket>) => boolean): Leg<Ticket>[] {
    const found: Leg<Ticket>[] = [];
    for (const first of this.#firstBySendFlow.values())
      for (let leg: Leg<Ticket> | undefined = first; leg !== undefined; leg = leg.nextOfFlow)
        if (holds(leg)) found.push(leg);
    return found;
  }
}

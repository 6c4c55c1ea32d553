import type { HalfId, Leg } from './relay-flows.ts';
import type { RelayLimits } from './relay-limits.ts';

/** How many flows who has: what {@link RelayLimits} are held against. */
export class FlowCounts<Ticket> {
  readonly #halvesByOwner = new Map<string, number>();
  #flows = 0;
  #transits = 0;

  get overlay(): { flows: number; transits: number } {
    return { flows: this.#flows, transits: this.#transits };
  }

  /** A neighbour has limits of its own, for the parties that it names may not know of it. */
  isFull(half: HalfId, { maxFlowsPerParty, maxFlowsPerNeighbour }: RelayLimits): boolean {
    const own = this.#halvesByOwner.get(ownerOf(half)) ?? 0;
    return own >= maxFlowsPerParty || (half.neighbour?.halves ?? 0) >= maxFlowsPerNeighbour;
  }

  handleAdded(leg: Leg<Ticket>): void {
    const owner = ownerOf(leg);
    this.#halvesByOwner.set(owner, (this.#halvesByOwner.get(owner) ?? 0) + 1);
    if (leg.neighbour !== null) leg.neighbour.halves++;
  }

  handleRemoved(leg: Leg<Ticket>): void {
    const owner = ownerOf(leg);
    const left = (this.#halvesByOwner.get(owner) ?? 0) - 1;
    if (left > 0) this.#halvesByOwner.set(owner, left);
    else this.#halvesByOwner.delete(owner);
    if (leg.neighbour !== null) leg.neighbour.halves--;
  }

  /** Two halves have become a flow. */
  handleJoined(leg: Leg<Ticket>): void {
    this.#count(leg, 1);
  }

  /** A flow has ended. */
  handleParted(leg: Leg<Ticket>): void {
    this.#count(leg, -1);
  }

  #count({ way, neighbour, other }: Leg<Ticket>, by: number): void {
    if (way !== null) this.#flows += by;
    if (neighbour !== null && other?.neighbour != null) this.#transits += by;
  }
}

/** Against whom a half is counted: a user, or what a neighbour says of one. */
function ownerOf({ party, neighbour }: HalfId): string {
  return neighbour ? `${neighbour.id} ${party}` : party;
}

import type { FlowId } from '@overcall/wire';
import type { RelayCrypto } from './bind-cookie.ts';
import { FlowCounts } from './flow-counts.ts';
import type { Neighbour } from './hop-neighbours.ts';
import { isSameWay, type Way } from './hop-way.ts';
import { LegIndex } from './leg-index.ts';
import { LoopFlows } from './loop-flows.ts';
import { PendingLegs } from './pending-legs.ts';
import { agree, type HalfId, isExpired, join, type Leg, newLeg, type RelayRequest } from './relay-flows.ts';
import { LOOP_LIMITS, type RelayLimits } from './relay-limits.ts';

export type OpenResult<Ticket> =
  /** `shed`: an open of a softphone that had to make room, if any. */
  | { kind: 'waiting'; shed: Ticket | null }
  /** Who gets which bind key: those parties that are softphones, or only the asker when it asks again. */
  | { kind: 'opened'; bindKeys: { ticket: Ticket; bindKey: Uint8Array }[] }
  | { kind: 'refused'; code: 'too-many-flows' | 'overloaded' | 'flow-in-use' };

/** A half of a flow that has ended, and the other one with it. */
export interface ClosedHalf<Ticket> {
  ticket: Ticket | null;
  way: Way | null;
}

export interface CloseOptions {
  /** Only a flow that goes this way. */
  way?: Way;
  /** Only one that the other party has not agreed to. */
  onlyWaiting?: boolean;
}

/** Flows with one id at most: more cannot happen by chance. */
const MAX_FLOWS_PER_ID = 8;
const BIND_KEY_BYTES = 32;

const refused = (code: 'too-many-flows' | 'overloaded' | 'flow-in-use') => ({
  kind: 'refused' as const,
  code,
});

/** Which flows there are, who opened their halves and who may: opening, agreeing, ending. */
export class FlowBook<Ticket> {
  readonly legs = new LegIndex<Ticket>();
  #limits: RelayLimits;
  readonly #crypto: RelayCrypto;
  readonly #bindSecret: Uint8Array;
  readonly #counts = new FlowCounts<Ticket>();
  readonly #pending: PendingLegs<Ticket>;
  readonly #loops = new LoopFlows<Ticket>();
  #lastSerial = 0;

  constructor(limits: RelayLimits, crypto: RelayCrypto) {
    this.#limits = limits;
    this.#crypto = crypto;
    this.#pending = new PendingLegs(limits.maxPending);
    this.#bindSecret = crypto.randomBytes(BIND_KEY_BYTES);
  }

  /** For what is opened from now on: nothing that is open ends. */
  changeLimits(limits: RelayLimits): void {
    this.#limits = limits;
  }

  get allocations(): number {
    return (this.legs.size - this.#pending.size - this.#loops.size) / 2;
  }

  /** Those of them that go on to, or come from, other supernodes; `transits` on both sides. */
  get overlay(): { flows: number; transits: number } {
    return this.#counts.overlay;
  }

  get loops(): number {
    return this.#loops.size;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** @param isBusy whether there is too little room for new work */
  open(request: RelayRequest<Ticket>, isBusy: boolean, nowMs: number): OpenResult<Ticket> {
    // One id for both directions cannot be told apart when both parties are the same user.
    if (request.sendFlow === request.receiveFlow) return refused('flow-in-use');
    const existing = this.legs.find(request);
    if (existing) return this.#openAgain(existing, request);
    const waiting = this.legs
      .all(request.receiveFlow)
      .find((leg) => leg.other === null && agree(request, leg));
    const refusal = this.#refusal(request, waiting ?? null, isBusy);
    if (refusal) return refused(refusal);
    const shed = waiting ? null : this.#pending.toShedFor(request);
    if (shed === 'refuse') return refused('overloaded');
    if (shed) this.#remove(shed);
    const leg = newLeg(request, ++this.#lastSerial, this.#limits, Math.floor(nowMs));
    this.#add(leg);
    if (!waiting) {
      this.#pending.add(leg);
      return { kind: 'waiting', shed: shed?.ticket ?? null };
    }
    this.#pending.delete(waiting);
    join(leg, waiting);
    this.#counts.handleJoined(leg);
    return this.#opened(waiting, leg);
  }

  /**
   * A party asks again, perhaps on a new control connection, or because the peer may know its address by now: the same key, while
   * the flow lives.
   */
  #openAgain(leg: Leg<Ticket>, request: RelayRequest<Ticket>): OpenResult<Ticket> {
    const { peer, way, ticket } = request;
    if (leg.peer !== peer || !isSameWay(leg.way, way ?? null)) return refused('flow-in-use');
    leg.ticket = ticket;
    if (request.confirmable) leg.confirmable = true;
    return leg.other === null ? { kind: 'waiting', shed: null } : this.#opened(leg);
  }

  #opened(...legs: Leg<Ticket>[]): OpenResult<Ticket> {
    const bindKeys = legs.flatMap((leg) =>
      leg.ticket === null ? [] : [{ ticket: leg.ticket, bindKey: this.bindKeyOf(leg) }],
    );
    return { kind: 'opened', bindKeys };
  }

  /** Made anew each time: what is not kept takes no memory. */
  bindKeyOf({ serial }: Leg<Ticket>): Uint8Array {
    return this.#crypto.hmacSha256(this.#bindSecret, new TextEncoder().encode(`bind key ${serial}`));
  }

  #refusal(
    request: RelayRequest<Ticket>,
    waiting: Leg<Ticket> | null,
    isBusy: boolean,
  ): 'too-many-flows' | 'overloaded' | 'flow-in-use' | null {
    const sharing = this.legs.all(request.sendFlow);
    const { neighbour = null } = request;
    // What comes from one neighbour with one id could not be told apart.
    const isTaken = neighbour !== null && sharing.some((leg) => leg.neighbour === neighbour);
    if (isTaken || sharing.length >= MAX_FLOWS_PER_ID) return 'flow-in-use';
    if (this.#counts.isFull(request, this.#limits)) return 'too-many-flows';
    const isTransit = neighbour !== null && waiting?.neighbour != null;
    if (isTransit && this.overlay.transits >= this.#limits.maxTransits) return 'overloaded';
    return isBusy || this.allocations >= this.#limits.maxAllocations ? 'overloaded' : null;
  }

  openLoop(
    { owner, party, flow, ticket }: { owner: number; party: string; flow: FlowId; ticket: Ticket },
    nowMs: number,
  ): OpenResult<Ticket> {
    const request = { party, peer: party, receiveFlow: flow, sendFlow: flow, ticket };
    const existing = this.legs.find(request);
    const sharing = this.legs.all(flow).length;
    if (!existing && sharing >= MAX_FLOWS_PER_ID) return refused('flow-in-use');
    if (this.#loops.of(owner) !== existing) this.closeLoop(owner);
    // The same softphone may ask on a new connection, before the old one is known to be dead.
    if (existing) {
      this.#loops.delete(existing);
      this.#loops.add(owner, existing);
      return this.#openAgain(existing, request);
    }
    const leg = newLeg(request, ++this.#lastSerial, LOOP_LIMITS, Math.floor(nowMs));
    leg.other = leg;
    this.#add(leg);
    this.#loops.add(owner, leg);
    return this.#opened(leg);
  }

  closeLoop(owner: number): void {
    const leg = this.#loops.of(owner);
    if (leg) this.#remove(leg);
  }

  close(half: HalfId, { way, onlyWaiting = false }: CloseOptions = {}): ClosedHalf<Ticket> | null {
    const leg = this.legs.find(half);
    if (!leg || (way !== undefined && !isSameWay(leg.way, way))) return null;
    if (onlyWaiting && leg.other !== null) return null;
    this.#remove(leg);
    return { ticket: leg.ticket, way: leg.way };
  }

  /** Ends every flow that goes over this supernode. */
  closeAllOf(neighbour: Neighbour): void {
    for (const leg of this.legs.filter((each) => each.neighbour === neighbour)) this.#remove(leg);
  }

  /** Returns the tickets of opens that the other party never answered. */
  removeExpired(nowMs: number): Ticket[] {
    const unanswered: Ticket[] = [];
    for (const leg of this.legs.filter((each) => isExpired(each, nowMs))) {
      if (leg.other === null && leg.ticket !== null) unanswered.push(leg.ticket);
      this.#remove(leg);
    }
    return unanswered;
  }

  #add(leg: Leg<Ticket>): void {
    this.legs.add(leg);
    if (leg.other !== leg) this.#counts.handleAdded(leg);
  }

  /** Removes a flow, both halves of it. */
  #remove(leg: Leg<Ticket>): void {
    if (!this.legs.delete(leg)) return;
    if (leg.other === leg) {
      this.#loops.delete(leg);
      return;
    }
    this.#counts.handleRemoved(leg);
    if (leg.other === null) {
      this.#pending.delete(leg);
      return;
    }
    const { other } = leg;
    if (this.legs.delete(other)) {
      this.#counts.handleRemoved(other);
      this.#counts.handleParted(leg);
    }
  }
}

import type { KeyId } from '@overcall/identity';
import { type FlowId, MAX_HOPS } from '@overcall/wire';
import type { Direction, Near, Route, RoutesMessage } from './call-types.ts';

/**
 * What the two softphones of a leg agree on about ways over supernodes. The caller offers some; the callee offers those that
 * it takes, with flows of its own; a way that both offer is open. What either leaves out later is given up.
 *
 * Pure: `offer`, `refuse`, `setAttached`, `handle` change what there is; `poll` says what follows from it.
 */

/** Ways that one side offers at once. */
export const MAX_OFFERS = 6;
/** Messages of the peer that are looked at: so many at once, and one more each so many ms. A call needs about five. */
const MESSAGE_BURST = 24;
const MESSAGE_INTERVAL_MS = 1000;
const MAX_ATTACHED = 8;
/** Flows of the peer that were refused and are not taken again. */
const MAX_REFUSED = 32;

export type RouteOutput =
  | { type: 'say'; message: RoutesMessage }
  | { type: 'open'; route: Route }
  | { type: 'close'; route: Route };

export interface RouteExchangeOptions {
  direction: Direction;
  /** A flow of ours that nobody uses. */
  newFlow(): FlowId;
  /** Whether the signed list names a supernode. */
  isListed(supernode: KeyId): boolean;
  /** Where this side is attached; the peer knows that already. */
  attached: readonly KeyId[];
}

/** A way, from the caller's supernode to the callee's, and the flow on which whoever offers it receives. */
type Offer = RoutesMessage['offers'][number];

export class RouteExchange {
  readonly #options: RouteExchangeOptions;
  #own = new Map<string, Offer>();
  #peers = new Map<string, Offer>();
  /** Open by agreement, by their offer. */
  readonly #open = new Map<string, Route>();
  readonly #refused = new Set<FlowId>();
  #attached: readonly KeyId[] = [];
  #near: Near = [];
  #seq = 0;
  #peerSeq = 0;
  #said = '';
  #budget = MESSAGE_BURST;
  #budgetAtMs = 0;

  constructor(options: RouteExchangeOptions) {
    this.#options = options;
    this.setAttached(options.attached);
    this.#said = this.#words();
  }

  /** The way that invite and reply have agreed on; `hops` as the caller wrote them. */
  begin(hops: readonly KeyId[], receiveFlow: FlowId, sendFlow: FlowId): void {
    const key = keyOf(hops);
    this.#own.set(key, { hops: [...hops], flow: receiveFlow });
    this.#peers.set(key, { hops: [...hops], flow: sendFlow });
    this.#said = this.#words();
  }

  /** Where this side is attached, best first: the peer is told. */
  setAttached(attached: readonly KeyId[]): void {
    this.#attached = attached.slice(0, MAX_ATTACHED);
  }

  /** How well this side reaches supernodes, for the peer to know. */
  setNear(near: Near): void {
    this.#near = near.slice(0, 16);
  }

  /** The caller's side: these ways and no others, best first. Those offered before keep their flows. */
  offer(ways: readonly (readonly KeyId[])[]): void {
    if (this.#options.direction === 'incoming') throw new Error('only the caller offers ways');
    const own = new Map<string, Offer>();
    for (const hops of ways.slice(0, MAX_OFFERS)) {
      if (!isWay(hops)) throw new Error('a way has one to three different supernodes');
      const key = keyOf(hops);
      own.set(key, this.#own.get(key) ?? { hops: [...hops], flow: this.#options.newFlow() });
    }
    this.#own = own;
  }

  /** This side cannot use a route, or not any more. */
  refuse(receiveFlow: FlowId): void {
    for (const [key, { flow }] of this.#own) {
      if (flow !== receiveFlow) continue;
      this.#own.delete(key);
      const peers = this.#peers.get(key);
      if (peers !== undefined && this.#refused.size < MAX_REFUSED) this.#refused.add(peers.flow);
    }
  }

  /** False for what is old, too much, or nonsense: it changes nothing. */
  handle(message: RoutesMessage, nowMs: number): boolean {
    if (message.seq <= this.#peerSeq || !this.#spend(nowMs)) return false;
    this.#peerSeq = message.seq;
    this.#peers = this.#validOffers(message.offers);
    if (this.#options.direction === 'incoming') {
      this.#take();
      // The first of them is answered in any case: the caller may have found us by an old record.
      if (this.#seq === 0) this.#said = '';
    }
    return true;
  }

  #spend(nowMs: number): boolean {
    const earned = (nowMs - this.#budgetAtMs) / MESSAGE_INTERVAL_MS;
    this.#budget = Math.min(MESSAGE_BURST, this.#budget + Math.max(0, earned));
    this.#budgetAtMs = nowMs;
    if (this.#budget < 1) return false;
    this.#budget--;
    return true;
  }

  /** Over listed supernodes, without loops, each way and each flow once. */
  #validOffers(offers: readonly Offer[]): Map<string, Offer> {
    const valid = new Map<string, Offer>();
    const flows = new Set<FlowId>();
    for (const offer of offers.slice(0, MAX_OFFERS)) {
      const key = keyOf(offer.hops);
      if (!isWay(offer.hops) || valid.has(key) || flows.has(offer.flow)) continue;
      if (!offer.hops.every((hop) => this.#options.isListed(hop))) continue;
      flows.add(offer.flow);
      valid.set(key, offer);
    }
    return valid;
  }

  /** The callee's side takes what it is offered, but for what it had to refuse. */
  #take(): void {
    const own = new Map<string, Offer>();
    for (const [key, { hops, flow }] of this.#peers) {
      if (this.#refused.has(flow)) continue;
      const isSame = this.#open.get(key)?.sendFlow === flow || !this.#open.has(key);
      const before = isSame ? this.#own.get(key) : undefined;
      own.set(key, before ?? { hops: [...hops], flow: this.#options.newFlow() });
    }
    this.#own = own;
  }

  /** What is to be done now, in order: what is given up, what is open, what the peer is to know. */
  poll(): RouteOutput[] {
    const outputs: RouteOutput[] = [];
    const agreed = this.#agreed();
    for (const [key, route] of this.#open) {
      const still = agreed.get(key);
      if (still?.receiveFlow === route.receiveFlow && still.sendFlow === route.sendFlow) continue;
      this.#open.delete(key);
      outputs.push({ type: 'close', route });
    }
    for (const [key, route] of agreed) {
      if (this.#open.has(key)) continue;
      this.#open.set(key, route);
      outputs.push({ type: 'open', route });
    }
    if (this.#words() !== this.#said) outputs.push({ type: 'say', message: this.#say() });
    return outputs;
  }

  #agreed(): Map<string, Route> {
    const agreed = new Map<string, Route>();
    for (const [key, { hops, flow: receiveFlow }] of this.#own) {
      const sendFlow = this.#peers.get(key)?.flow;
      if (sendFlow === undefined) continue;
      const isCaller = this.#options.direction === 'outgoing';
      agreed.set(key, { receiveFlow, sendFlow, hops: isCaller ? hops : [...hops].reverse() });
    }
    return agreed;
  }

  #words(): string {
    const { attached, near, offers } = this.#content();
    return JSON.stringify([attached, near, offers]);
  }

  #content(): Omit<RoutesMessage, 'seq'> {
    return { attached: [...this.#attached], near: this.#near, offers: [...this.#own.values()] };
  }

  #say(): RoutesMessage {
    this.#said = this.#words();
    return { seq: ++this.#seq, ...this.#content() };
  }
}

/** One to three supernodes, none of them twice. */
export function isWay(hops: readonly KeyId[]): boolean {
  return hops.length >= 1 && hops.length <= MAX_HOPS && new Set(hops).size === hops.length;
}

function keyOf(hops: readonly KeyId[]): string {
  return hops.join(' ');
}

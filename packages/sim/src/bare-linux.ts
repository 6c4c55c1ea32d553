import { addressIn, portIn } from './address-book.ts';
import { portAllocator } from './nat-ports.ts';
import { lifetimeMsOf, type Translation } from './nat-table.ts';
import { PeerTable } from './peer-table.ts';
import type { Random } from './random.ts';
import type { Filtering, NatKind } from './scenario.ts';

/** Whom a flow belongs to that a probe from outside has made: the router itself. */
const ROUTER = -1;

/** A tracked connection. */
interface Flow {
  /** {@link ROUTER} or an inside endpoint. */
  owner: number;
  port: number;
  madeAtMs: number;
  usedAtMs: number;
}

/** What is known of one outside port. */
interface PortState {
  /** By peer. */
  flows: Map<number, Flow>;
  /** Who sent last from this port, and when; with a fixed age, when first in this age. */
  inside: number;
  notedAtMs: number;
  contacted: PeerTable;
}

/**
 * `poisonable`: Linux without a rule for what nobody asked for. It tracks each pair of inside endpoint and peer by
 * itself, keeps the port when that peer does not talk to it yet, and takes any other if it does: also when it is only
 * a probe of that peer which came too early and which the router took for its own.
 */
export class BareLinux implements Translation {
  readonly #filtering: Filtering;
  readonly #lifetimeMs: number;
  readonly #maxAgeMs: number | null;
  readonly #anyPort;
  readonly #byInside = new Map<number, Map<number, Flow>>();
  readonly #byPort = new Map<number, PortState>();

  constructor(kind: NatKind, random: Random) {
    this.#filtering = kind.filtering;
    this.#lifetimeMs = lifetimeMsOf(kind);
    this.#maxAgeMs = kind.maxAgeS === undefined ? null : kind.maxAgeS * 1000;
    this.#anyPort = portAllocator('random', random);
  }

  outbound(inside: number, peer: number, nowMs: number): number {
    const known = this.#byInside.get(inside)?.get(peer);
    const flow = known !== undefined && this.#isAlive(known, nowMs) ? known : this.#open(inside, peer, nowMs);
    if (flow === null) return -1;
    flow.usedAtMs = nowMs;
    const state = this.#stateOf(flow.port);
    this.#noteContact(state, inside, addressIn(peer), nowMs);
    return flow.port;
  }

  inbound(port: number, peer: number, nowMs: number): number {
    const state = this.#stateOf(port);
    const known = state.flows.get(peer);
    if (known !== undefined && this.#isAlive(known, nowMs)) {
      known.usedAtMs = nowMs;
      return known.owner;
    }
    const owner = this.#letsIn(state, peer, nowMs) ? state.inside : ROUTER;
    const flow = { owner, port, madeAtMs: nowMs, usedAtMs: nowMs };
    state.flows.set(peer, flow);
    if (owner === ROUTER) return -1;
    const flows = this.#flowsOf(owner);
    const other = flows.get(peer);
    if (other === undefined || !this.#isAlive(other, nowMs)) flows.set(peer, flow);
    return owner;
  }

  rebind(): void {
    this.#byInside.clear();
    this.#byPort.clear();
  }

  #letsIn({ inside, notedAtMs, contacted }: PortState, peer: number, nowMs: number): boolean {
    const keptMs = this.#maxAgeMs ?? this.#lifetimeMs;
    if (inside === ROUTER || nowMs - notedAtMs >= keptMs) return false;
    if (this.#filtering === 'eif') return true;
    return this.#filtering === 'adf' && contacted.knows(addressIn(peer), nowMs, keptMs);
  }

  #noteContact(state: PortState, inside: number, peerAddress: number, nowMs: number): void {
    state.inside = inside;
    const isOver = this.#maxAgeMs !== null && nowMs - state.notedAtMs >= this.#maxAgeMs;
    if (isOver) state.contacted = new PeerTable();
    if (isOver || this.#maxAgeMs === null) state.notedAtMs = nowMs;
    state.contacted.note(peerAddress, nowMs);
  }

  #open(inside: number, peer: number, nowMs: number): Flow | null {
    const isFree = (port: number): boolean => {
      const flow = this.#byPort.get(port)?.flows.get(peer);
      return flow === undefined || !this.#isAlive(flow, nowMs);
    };
    const own = portIn(inside);
    const port = isFree(own) ? own : this.#anyPort.allocate(addressIn(inside), own, isFree);
    if (port < 0) return null;
    const flow = { owner: inside, port, madeAtMs: nowMs, usedAtMs: nowMs };
    this.#stateOf(port).flows.set(peer, flow);
    this.#flowsOf(inside).set(peer, flow);
    return flow;
  }

  #flowsOf(inside: number): Map<number, Flow> {
    let flows = this.#byInside.get(inside);
    if (flows === undefined) {
      flows = new Map();
      this.#byInside.set(inside, flows);
    }
    return flows;
  }

  #stateOf(port: number): PortState {
    let state = this.#byPort.get(port);
    if (state === undefined) {
      state = {
        flows: new Map(),
        inside: ROUTER,
        notedAtMs: Number.NEGATIVE_INFINITY,
        contacted: new PeerTable(),
      };
      this.#byPort.set(port, state);
    }
    return state;
  }

  #isAlive({ madeAtMs, usedAtMs }: Flow, nowMs: number): boolean {
    if (this.#maxAgeMs !== null) return nowMs - madeAtMs < this.#maxAgeMs;
    return nowMs - usedAtMs < this.#lifetimeMs;
  }
}

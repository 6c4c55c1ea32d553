import { SIGNAL_COPIES, type SignalWay, signalWays } from '@overcall/call';
import type { Endpoint } from '@overcall/wire';

/** A way that a supernode said leads nowhere is left alone for so long, ms. */
const FAILED_MS = 3000;
/** Signals of so long ago, ms, and so many of them, are sent again when a way turns out to lead nowhere. */
const REPEATED_MS = 3000;
const MAX_REPEATED = 8;
/** Endpoints that are kept in mind, and for how long after the last signal to them, ms. */
const MAX_PEERS = 64;
const FORGET_MS = 60_000;
/** We go to the supernodes of somebody who cannot be reached from ours no more often than this, ms. */
const VISIT_INTERVAL_MS = 5000;

export interface SignalRouterOptions {
  /** Supernodes that we are attached to, best first. */
  mine(): readonly string[];
  /** Hands it to a supernode of ours, for somebody who is attached to `supernode`. */
  send(at: string, signal: { to: Endpoint; supernode: string; callId: string; body: Uint8Array }): void;
  /** Attaches to a supernode of the peer, for where there is no link between it and ours; false when that fails. */
  visit(supernode: string): Promise<boolean>;
  /** Whether we may: whoever calls us is not to make us go anywhere. */
  mayVisit(callId: string): boolean;
  /** No way has led to this endpoint. */
  onUndeliverable(to: Endpoint, callId: string): void;
  now(): number;
}

/** What was sent to one endpoint lately, and what became of it. */
interface Peer {
  to: Endpoint;
  callId: string;
  supernodes: readonly string[];
  /** Ways that signals have gone, in this order; those that failed, and until when they are left alone. */
  used: SignalWay[];
  failed: Map<string, number>;
  recent: { body: Uint8Array; sentAtMs: number }[];
  usedAtMs: number;
  visitedAtMs: number;
}

/**
 * Sends each signal over two ways at once, over others when these fail, and at last by going to the supernodes of the peer
 * ourselves. The peer drops what it has already.
 */
export class SignalRouter {
  readonly #options: SignalRouterOptions;
  readonly #peers = new Map<string, Peer>();

  constructor(options: SignalRouterOptions) {
    this.#options = options;
  }

  send({
    to,
    supernodes,
    callId,
    body,
  }: Omit<Parameters<SignalRouterOptions['send']>[1], 'supernode'> & {
    supernodes: readonly string[];
  }): void {
    const nowMs = this.#options.now();
    const peer = this.#peerOf(to, callId, nowMs);
    peer.supernodes = supernodes;
    peer.usedAtMs = nowMs;
    peer.recent.push({ body, sentAtMs: nowMs });
    if (peer.recent.length > MAX_REPEATED) peer.recent.shift();
    // Whoever was called has no other way to the caller than to ask again.
    if (this.#openWays(peer, nowMs).length === 0 && !this.#options.mayVisit(callId)) peer.failed.clear();
    const ways = this.#openWays(peer, nowMs).slice(0, SIGNAL_COPIES);
    for (const way of ways) this.#sendOn(peer, way, body);
    if (ways.length === 0) void this.#visit(peer);
  }

  #peerOf(to: Endpoint, callId: string, nowMs: number): Peer {
    const key = keyOf(to, callId);
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    for (const [old, { usedAtMs }] of this.#peers)
      if (nowMs - usedAtMs > FORGET_MS || this.#peers.size >= MAX_PEERS) this.#peers.delete(old);
    const peer: Peer = {
      ...{ to, callId, supernodes: [], used: [], failed: new Map(), recent: [] },
      ...{ usedAtMs: nowMs, visitedAtMs: Number.NEGATIVE_INFINITY },
    };
    this.#peers.set(key, peer);
    return peer;
  }

  #openWays({ supernodes, failed }: Peer, nowMs: number): SignalWay[] {
    const ways = signalWays(this.#options.mine(), supernodes);
    return ways.filter((way) => (failed.get(nameOf(way)) ?? 0) <= nowMs);
  }

  #sendOn(peer: Peer, way: SignalWay, body: Uint8Array): void {
    const { to, callId } = peer;
    if (!peer.used.some((used) => nameOf(used) === nameOf(way))) peer.used.push(way);
    this.#options.send(way.at, { to, supernode: way.supernode, callId, body });
  }

  /** A supernode of ours says that a signal could not be delivered; which one of those that went by it, it may say. */
  handleFailed(at: string, to: Endpoint, callId: string, supernode?: string): void {
    const peer = this.#peers.get(keyOf(to, callId));
    if (peer === undefined) return;
    const nowMs = this.#options.now();
    const isOpen = (way: SignalWay) => (peer.failed.get(nameOf(way)) ?? 0) <= nowMs;
    const blamed = peer.used.find(
      (way) => way.at === at && isOpen(way) && (supernode === undefined || way.supernode === supernode),
    );
    if (blamed === undefined) return;
    peer.failed.set(nameOf(blamed), nowMs + FAILED_MS);
    peer.used = peer.used.filter((way) => way !== blamed);
    const open = this.#openWays(peer, nowMs);
    const next = open.find((way) => !peer.used.some((used) => nameOf(used) === nameOf(way)));
    if (next !== undefined) this.#repeat(peer, next, nowMs);
    else if (open.length === 0) void this.#visit(peer);
  }

  #repeat(peer: Peer, way: SignalWay, nowMs: number): void {
    for (const { body, sentAtMs } of peer.recent)
      if (nowMs - sentAtMs <= REPEATED_MS) this.#sendOn(peer, way, body);
  }

  /** Not attached anywhere, everything is sent again by the phone once we are. */
  async #visit(peer: Peer): Promise<void> {
    const { mine, visit, mayVisit, onUndeliverable, now } = this.#options;
    if (mine().length === 0) return;
    const { to, callId, supernodes } = peer;
    const elsewhere = supernodes.filter((supernode) => !mine().includes(supernode));
    const isEarly = now() < peer.visitedAtMs + VISIT_INTERVAL_MS;
    if (isEarly || elsewhere.length === 0 || !mayVisit(callId)) {
      onUndeliverable(to, callId);
      return;
    }
    peer.visitedAtMs = now();
    const results = await Promise.all(
      elsewhere.map(async (supernode) => ((await visit(supernode)) ? [{ at: supernode, supernode }] : [])),
    );
    const ways = results.flat();
    for (const way of ways) {
      peer.failed.delete(nameOf(way));
      this.#repeat(peer, way, now());
    }
    if (ways.length === 0) onUndeliverable(to, callId);
  }
}

const nameOf = ({ at, supernode }: SignalWay): string => `${at} ${supernode}`;
const keyOf = ({ device, endpoint }: Endpoint, callId: string): string => `${callId} ${device} ${endpoint}`;

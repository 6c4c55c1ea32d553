import type { LegId, MediaSession, Near, ReadyLeg, Route } from '@overcall/call';
import { monotonicMs, nodeCrypto } from '@overcall/net';
import type { CandidateMessage, NatBehaviour, Path } from '@overcall/traversal';
import { DatagramType, uint32At } from '@overcall/wire';
import type { AnsweredCalls } from './answered-calls.ts';
import type { BorrowedSupernodes } from './borrowed-supernodes.ts';
import { LegOffers } from './leg-offers.ts';
import type { LocalNetwork } from './local-network.ts';
import { MediaLeg, type MediaLegHandlers } from './media-leg.ts';
import type { Pings } from './pings.ts';
import { RouteMeasures } from './route-measures.ts';
import { mayGoDirect, type SoftphoneOptions } from './softphone-options.ts';
import type { SupernodeListStore } from './supernode-list-store.ts';
import type { SupernodePool } from './supernode-pool.ts';

/** Supernodes that the peer is told of: as many as a message holds. */
const MAX_NEAR = 16;

export interface LegsOptions {
  softphone: SoftphoneOptions;
  network: LocalNetwork;
  pool: SupernodePool;
  store: SupernodeListStore;
  borrowed: BorrowedSupernodes;
  calls: AnsweredCalls;
  pings: Pings;
  /** For the peer, sealed, through supernodes. */
  tell(legId: LegId, message: CandidateMessage): void;
  onOverdue(legId: LegId): void;
  onEnded(legId: LegId, reason: 'failed' | 'remote-hangup'): void;
  /** Ways that are wanted on a leg that we called for. */
  offer(legId: LegId, ways: string[][]): void;
  /** A route cannot be had from here. */
  refuse(legId: LegId, receiveFlow: number): void;
  /** How well we reach supernodes, for the peer to know. */
  setNear(legId: LegId, near: Near): void;
}

/** The media legs of this softphone, and what each of them needs of the rest. */
export class Legs {
  readonly #options: LegsOptions;
  readonly #legs = new Map<LegId, MediaLeg>();
  /** The choice of routes, for legs that we called for. */
  readonly #offers = new Map<LegId, LegOffers>();
  readonly #measures = new Map<LegId, RouteMeasures>();
  /** Legs that talk: their addresses are no secret any more. */
  readonly #talking = new Set<LegId>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: LegsOptions) {
    this.#options = options;
  }

  get(legId: LegId): MediaLeg | undefined {
    return this.#legs.get(legId);
  }

  /** The ways over supernodes that the legs of a call have, by the names of these. */
  routesOf(callId: string): string[] {
    const legs = [...this.#legs.values()].filter(({ leg }) => leg.callId === callId);
    return legs.flatMap(({ routes }) => routes.names);
  }

  get isIdle(): boolean {
    return this.#legs.size === 0;
  }

  /** Key ids of supernodes at which routes of calls begin. */
  get supernodes(): Set<string> {
    return new Set([...this.#legs.values()].flatMap(({ routes }) => routes.entrances));
  }

  /** Runs a verb of the session of every leg. */
  actOnAll(verb: (session: MediaSession, nowMs: number) => void): void {
    for (const leg of this.#legs.values()) leg.act(verb);
  }

  setNat(nat: NatBehaviour): void {
    this.actOnAll((session, nowMs) => session.guide((paths) => paths.setNat(nat, nowMs), nowMs));
  }

  /** A control connection is there, again: its supernode may have forgotten our relays. */
  handleAttached(supernodeId: string): void {
    for (const leg of this.#legs.values()) leg.routes.reopenAt(supernodeId);
    this.#tellAttached([]);
  }

  /** A supernode is about to stop, or does not relay. */
  handleGoingAway(supernodeId: string): void {
    for (const offers of this.#offers.values())
      offers.act((choice, nowMs) => choice.handleGoingAway(supernodeId, nowMs));
    this.#tellAttached([]);
  }

  /** A control connection broke. */
  handleLost(supernodeId: string): void {
    this.#tellAttached([supernodeId]);
  }

  #tellAttached(lost: string[]): void {
    const mine = this.#mine;
    for (const offers of this.#offers.values())
      offers.act((choice, nowMs) => choice.setMine(mine, lost, nowMs));
    for (const { leg } of this.#legs.values()) this.#tellNear(leg);
  }

  get #mine(): string[] {
    return this.#options.pool.staying.map(({ supernodeId }) => supernodeId);
  }

  /** Where a softphone is can be guessed from how far supernodes are: that is for those who may know its address. */
  #tellNear(leg: ReadyLeg): void {
    if (!this.#mayBorrow(leg)) return;
    this.#options.setNear(leg.legId, this.#near);
  }

  /** Loss on the way to supernodes is not known before a call uses them. */
  get #near(): Near {
    const near = this.#options.pool.near.slice(0, MAX_NEAR);
    return near.map(({ supernodeId, rttMs }): Near[number] => [supernodeId, Math.round(rttMs), 0]);
  }

  /** Whether supernodes that the peer had a say in may see our address: when the peer itself may know it. */
  #mayBorrow(leg: ReadyLeg): boolean {
    const isKnown = this.#talking.has(leg.legId) || this.#mayExposeTo(leg);
    return mayGoDirect(this.#options.softphone) && isKnown;
  }

  open(leg: ReadyLeg): void {
    const { softphone, network } = this.#options;
    const mediaLeg = new MediaLeg(leg, nodeCrypto, this.#handlersOf(leg), softphone.log);
    this.#legs.set(leg.legId, mediaLeg);
    if (leg.purpose === 'ping')
      softphone.log.debug({ peer: leg.peer.name, direction: leg.direction }, 'ping');
    if (leg.direction === 'outgoing') {
      this.#offers.set(leg.legId, this.#offersOf(leg));
      this.#measures.set(leg.legId, this.#measuresOf(leg));
    }
    this.#tellNear(leg);
    if (!mayGoDirect(softphone)) return;
    mediaLeg.act((session, nowMs) => {
      for (const { id, family } of network.opened) session.addSocket({ id, family }, nowMs);
      network.gatherer.gather();
      session.setCandidates(network.gatherer.candidates, nowMs);
      const { nat } = network;
      if (nat !== undefined) session.guide((paths) => paths.setNat(nat, nowMs), nowMs);
      if (this.#mayExposeTo(leg)) session.expose(nowMs);
    });
  }

  #offersOf(leg: ReadyLeg): LegOffers {
    const { store, offer } = this.#options;
    return new LegOffers({
      leg,
      mine: this.#mine,
      listed: [...store.byId.keys()],
      mayAttach: this.#mayBorrow(leg),
      offer: (ways) => offer(leg.legId, ways),
    });
  }

  #measuresOf({ legId }: ReadyLeg): RouteMeasures {
    const { pool } = this.#options;
    return new RouteMeasures({
      near: () => this.#near,
      linksBetween: async (supernodes) => {
        const answer = pool.staying[0]?.askMeasurements(supernodes);
        return (await answer?.catch(() => null))?.links ?? null;
      },
      choose: (verb) => this.#offers.get(legId)?.act(verb),
      session: () => this.#legs.get(legId)?.session,
    });
  }

  openRoute(legId: LegId, route: Route): void {
    this.#offers.get(legId)?.act((choice, nowMs) => choice.handleOpened(route, nowMs));
    this.#legs.get(legId)?.routes.open(route);
  }

  closeRoute(legId: LegId, receiveFlow: number): void {
    this.#offers.get(legId)?.act((choice, nowMs) => choice.handleGone(receiveFlow, nowMs));
    this.#legs.get(legId)?.routes.close(receiveFlow);
  }

  handlePeerMoved(legId: LegId, attached: readonly string[], near: Near): void {
    this.#measures.get(legId)?.setPeerNear(near);
    this.#offers.get(legId)?.act((choice, nowMs) => choice.setTheirs(attached, nowMs));
  }

  #handlersOf(leg: ReadyLeg): MediaLegHandlers {
    const { softphone, network, pool, store, borrowed, calls, pings, tell, onOverdue, onEnded, refuse } =
      this.#options;
    const { legId } = leg;
    return {
      attachment: (supernodeId) => pool.get(supernodeId),
      borrow: (supernodeId) => borrowed.borrow(supernodeId),
      giveBack: (supernodeId) => borrowed.giveBack(supernodeId),
      entryOf: (supernodeId) => store.byId.get(supernodeId),
      mayBorrow: () => this.#mayBorrow(leg),
      refuse: (receiveFlow) => refuse(legId, receiveFlow),
      onReleased: () => pool.refresh(),
      onRoute: (receiveFlow, isUp) => {
        this.#offers.get(legId)?.act((choice, nowMs) => choice.handleUp(receiveFlow, isUp, nowMs));
        const entrance = this.#legs.get(legId)?.routes.entranceOf(receiveFlow);
        if (!isUp && entrance !== undefined) pool.handleRouteDown(entrance);
      },
      socketFor: (address) => network.socketFor(address),
      directOnly: softphone.path === 'direct',
      bindAddress: softphone.bindAddress,
      mayCheck: (address) => network.gatherer.mayCheck(address),
      gather: () => network.gatherAgain(),
      tell: (message) => tell(legId, message),
      send: (socket, to, datagram, hopLimit) => network.send(socket, to, datagram, hopLimit),
      onAudio: (audio) => calls.get(leg.callId)?.receive(audio),
      onReport: (report) => calls.get(leg.callId)?.handleReport(report),
      onPath: (path, reason) => {
        calls.get(leg.callId)?.reportPath(path, reason);
        pings.handlePath(leg.callId, path);
      },
      onOverdue: () => onOverdue(legId),
      onEnded: (reason) => onEnded(legId, reason),
      now: monotonicMs,
    };
  }

  /**
   * Before the answer only contacts may learn addresses: somebody who was called is one, and so is who we ping, for
   * that ping alone. A ping is never answered as a call is.
   */
  #mayExposeTo({ peer, purpose, direction }: ReadyLeg): boolean {
    const { exposeAddress, contacts } = this.#options.softphone;
    if (exposeAddress === 'answered') return false;
    if (purpose === 'ping' && direction === 'outgoing') return true;
    return contacts.find(peer.name)?.key.x === peer.identityKey.x;
  }

  startTalking(callId: string, legId: LegId): void {
    const leg = this.#legs.get(legId);
    if (leg === undefined) return;
    this.#talking.add(legId);
    this.#tellNear(leg.leg);
    const mayAttach = this.#mayBorrow(leg.leg);
    this.#offers.get(legId)?.act((choice, nowMs) => choice.setMayAttach(mayAttach, nowMs));
    leg.routes.letConfirm();
    this.#options.calls.start(callId, leg, (path) => this.localAddressOf(leg, path));
    leg.act((session, nowMs) => {
      if (mayGoDirect(this.#options.softphone)) session.expose(nowMs);
      session.startTalking(nowMs);
    });
  }

  /** Local `ip:port` of datagrams on a path. */
  localAddressOf(leg: MediaLeg, path: Path): string {
    if (path.transport === 'tcp') return leg.streamAddressOf(path);
    return this.#options.network.gatherer.localAddressOf(path.family);
  }

  close(legId: LegId, bye: boolean): void {
    const leg = this.#legs.get(legId);
    if (leg === undefined) return;
    this.#offers.get(legId)?.close();
    this.#offers.delete(legId);
    this.#measures.get(legId)?.close();
    this.#measures.delete(legId);
    const closed = leg.close(bye).finally(() => {
      this.#legs.delete(legId);
      this.#talking.delete(legId);
      this.#options.pool.refresh();
      if (this.#legs.size === 0) this.#options.network.gatherer.rest();
      this.#closing.delete(closed);
    });
    this.#closing.add(closed);
  }

  /** Resolves when the byes of all that were closed are out. */
  async closed(): Promise<void> {
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }

  /** One that is no STUN. */
  handleDatagram(socket: number, datagram: Uint8Array, from: string): void {
    const type = datagram[0]!;
    const isBindAnswer = type === DatagramType.BindChallenge || type === DatagramType.BindAck;
    if (!isBindAnswer && type !== DatagramType.Media && type !== DatagramType.Check) return;
    const flowId = uint32At(datagram, 1);
    for (const leg of this.#legs.values())
      if (leg.owns(flowId, isBindAnswer)) leg.handleDatagram(socket, from, datagram);
  }
}

import type { LegId, MediaSession, ReadyLeg } from '@overcall/call';
import { monotonicMs, nodeCrypto } from '@overcall/net';
import type { CandidateMessage, NatBehaviour, Path } from '@overcall/traversal';
import { DatagramType, viewOf } from '@overcall/wire';
import type { AnsweredCalls } from './answered-calls.ts';
import type { LocalNetwork } from './local-network.ts';
import { MediaLeg, type MediaLegHandlers } from './media-leg.ts';
import type { Pings } from './pings.ts';
import { mayGoDirect, type SoftphoneOptions } from './softphone-options.ts';
import type { SupernodePool } from './supernode-pool.ts';

export interface LegsOptions {
  softphone: SoftphoneOptions;
  network: LocalNetwork;
  pool: SupernodePool;
  calls: AnsweredCalls;
  pings: Pings;
  /** For the peer, sealed, through supernodes. */
  tell(legId: LegId, message: CandidateMessage): void;
  onEnded(legId: LegId, reason: 'failed' | 'remote-hangup'): void;
}

/** The media legs of this softphone, and what each of them needs of the rest. */
export class Legs {
  readonly #options: LegsOptions;
  readonly #legs = new Map<LegId, MediaLeg>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: LegsOptions) {
    this.#options = options;
  }

  get(legId: LegId): MediaLeg | undefined {
    return this.#legs.get(legId);
  }

  /** Runs a verb of the session of every leg. */
  actOnAll(verb: (session: MediaSession, nowMs: number) => void): void {
    for (const leg of this.#legs.values()) leg.act(verb);
  }

  setNat(nat: NatBehaviour): void {
    this.actOnAll((session, nowMs) => session.guide((paths) => paths.setNat(nat, nowMs), nowMs));
  }

  /** A control connection is there again: its supernode may have forgotten our relays. */
  handleAttached(supernodeId: string): void {
    for (const leg of this.#legs.values()) if (leg.leg.supernode === supernodeId) leg.reopenRelay();
  }

  open(leg: ReadyLeg): void {
    const { softphone, network } = this.#options;
    const mediaLeg = new MediaLeg(leg, nodeCrypto, this.#handlersOf(leg), softphone.log);
    this.#legs.set(leg.legId, mediaLeg);
    if (leg.purpose === 'ping')
      softphone.log.debug({ peer: leg.peer.name, direction: leg.direction }, 'ping');
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

  #handlersOf(leg: ReadyLeg): MediaLegHandlers {
    const { softphone, network, pool, calls, pings, tell, onEnded } = this.#options;
    return {
      attachment: () => pool.get(leg.supernode),
      socketFor: (address) => network.socketFor(address),
      directOnly: softphone.path === 'direct',
      bindAddress: softphone.bindAddress,
      mayCheck: (address) => network.gatherer.mayCheck(address),
      gather: () => network.gatherAgain(),
      tell: (message) => tell(leg.legId, message),
      send: (socket, to, datagram, hopLimit) => network.send(socket, to, datagram, hopLimit),
      onAudio: (frameLow, opus) => calls.get(leg.callId)?.receive(frameLow, opus),
      onPath: (path, reason) => {
        calls.get(leg.callId)?.reportPath(path, reason);
        pings.handlePath(leg.callId, path);
      },
      onEnded: (reason) => onEnded(leg.legId, reason),
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
    const { pool, network } = this.#options;
    // The relay is given back after the byes, which go through it.
    const closed = leg.close(bye).finally(() => {
      const { supernode, receiveFlow, sendFlow } = leg.leg;
      pool.get(supernode)?.send({ t: 'relay-close', receiveFlow, sendFlow });
      this.#legs.delete(legId);
      if (this.#legs.size === 0) network.gatherer.rest();
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
    const flowId = viewOf(datagram).getUint32(1);
    for (const leg of this.#legs.values())
      if (leg.owns(flowId, isBindAnswer)) leg.handleDatagram(socket, from, datagram);
  }
}

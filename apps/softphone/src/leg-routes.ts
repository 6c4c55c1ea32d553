import {
  LingeringRoutes,
  type MediaSession,
  type ReadyLeg,
  type RelayGrant,
  type Route,
  RouteOpening,
} from '@overcall/call';
import type { Logger } from '@overcall/cli';
import type { SupernodeEntry } from '@overcall/identity';
import { DeadlineTimer, monotonicMs } from '@overcall/net';
import { parseAddressPort } from '@overcall/traversal';
import { fromBase64Url, OvercallError } from '@overcall/wire';
import type { Attachment } from './attachment.ts';
import type { LegStreams } from './leg-streams.ts';

/** Supernodes that one leg makes us attach to, at once and in all. */
const MAX_BORROWED = 4;
const MAX_BORROWED_IN_ALL = 24;

export interface LegRoutesHandlers {
  /** The control connection to a supernode, while there is one. */
  attachment(supernodeId: string): Attachment | undefined;
  /** Attaches to a supernode for as long as a route needs it; null when it cannot be had. */
  borrow(supernodeId: string): Promise<Attachment | null>;
  giveBack(supernodeId: string): void;
  entryOf(supernodeId: string): SupernodeEntry | undefined;
  /** Whether supernodes that others have chosen may see this machine's address, and the peer have it confirmed: when it may know it. */
  mayBorrow(): boolean;
  /** The socket for addresses of this kind (IPv4, IPv6); null when there is none. */
  socketFor(address: string): number | null;
  act(verb: (session: MediaSession, nowMs: number) => void): void;
  /** It cannot be had from here: the peer is to know. */
  refuse(receiveFlow: number): void;
  /** What was kept for a route alone may be left. */
  onReleased(): void;
}

interface OpenRoute {
  route: Route;
  isBorrowed: boolean;
  isGranted: boolean;
  /** Its supernode was told that the peer may have confirmed from where we are bound. */
  isConfirmable: boolean;
  opening: RouteOpening;
  timer: DeadlineTimer;
}

/** The routes of one leg at this end: each is opened at the first of its supernodes, and given to the media session. */
export class LegRoutes {
  readonly #leg: ReadyLeg;
  readonly #handlers: LegRoutesHandlers;
  readonly #streams: LegStreams;
  readonly #log: Logger;
  readonly #byFlow = new Map<number, OpenRoute>();
  readonly #lingering = new LingeringRoutes<OpenRoute>();
  readonly #lingerTimer = new DeadlineTimer(() => this.#endLingering());
  #borrowedInAll = 0;
  #isClosed = false;

  constructor(leg: ReadyLeg, handlers: LegRoutesHandlers, streams: LegStreams, log: Logger) {
    this.#leg = leg;
    this.#handlers = handlers;
    this.#streams = streams;
    this.#log = log;
  }

  /** Those that are open at this end. */
  get granted(): Route[] {
    return [...this.#byFlow.values()].filter(({ isGranted }) => isGranted).map(({ route }) => route);
  }

  /** Key ids of the supernodes at which they begin, or are to. */
  get entrances(): string[] {
    return [...this.#byFlow.values(), ...this.#lingering.all].map(({ route }) => route.hops[0]!);
  }

  /** Key id of the supernode at which that one begins. */
  entranceOf(receiveFlow: number): string | undefined {
    return this.#byFlow.get(receiveFlow)?.route.hops[0];
  }

  /** Their supernodes, from ours on. */
  get names(): string[] {
    return this.granted.map((route) => this.#namesOf(route).join(' '));
  }

  open(route: Route): void {
    if (this.#isClosed || this.#byFlow.has(route.receiveFlow)) return;
    if (this.#handlers.attachment(route.hops[0]!) === undefined && !this.#handlers.mayBorrow()) {
      // Said at once, so that the caller can offer a way that ends where we are.
      this.#handlers.refuse(route.receiveFlow);
      return;
    }
    const open: OpenRoute = {
      ...{ route, isBorrowed: false, isGranted: false, isConfirmable: false },
      ...{ opening: new RouteOpening(monotonicMs()) },
      timer: new DeadlineTimer(() => this.#drive(open)),
    };
    this.#byFlow.set(route.receiveFlow, open);
    this.#warmStream(route);
    this.#handlers.act((session, nowMs) => session.expectRoute(nowMs));
    this.#drive(open);
  }

  /** In case there is no UDP: the first one's stream is opened while the relay is asked for. */
  #warmStream({ hops }: Route): void {
    if (this.#byFlow.size > 1) return;
    const entry = this.#handlers.entryOf(hops[0]!);
    const stream = entry && this.#streams.grant(entry);
    if (stream !== undefined) this.#streams.want(stream.socket, true);
  }

  #drive(open: OpenRoute): void {
    if (!this.#isWanted(open)) return;
    const step = open.opening.poll(monotonicMs());
    if (step === 'give-up') this.#handlers.refuse(open.route.receiveFlow);
    else if (step === 'ask') void this.#ask(open);
    const { deadline } = open.opening;
    open.timer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
  }

  async #ask(open: OpenRoute): Promise<void> {
    try {
      await this.#grant(open);
      open.opening.handleOpened();
    } catch (error) {
      const { callId } = this.#leg;
      this.#log.info({ callId, route: this.#namesOf(open.route), error: String(error) }, 'no relay this way');
      const isThere = this.#handlers.attachment(open.route.hops[0]!) !== undefined;
      open.opening.handleFailed(!isThere && !this.#handlers.mayBorrow(), monotonicMs());
      this.#drive(open);
    }
  }

  #isWanted(open: OpenRoute): boolean {
    return !this.#isClosed && this.#byFlow.get(open.route.receiveFlow) === open;
  }

  #namesOf({ hops }: Route): string[] {
    return hops.map((hop) => this.#handlers.entryOf(hop)?.name ?? hop);
  }

  async #grant(open: OpenRoute): Promise<void> {
    const { receiveFlow, sendFlow } = open.route;
    const attachment = await this.#attachmentFor(open);
    if (attachment === null)
      throw new OvercallError('supernode-unreachable', 'not attached to its supernode');
    // Given up while we were attaching: nobody would close it at the supernode.
    if (!this.#isWanted(open)) return;
    const { bindKey } = await this.#openAt(attachment, open);
    if (!this.#isWanted(open)) return;
    const key = fromBase64Url(bindKey);
    if (key === null)
      throw new OvercallError('supernode-unreachable', 'the bind key that it gave is no base64url');
    const { rttMs, entry } = attachment;
    const { socket, relayAddress } = this.#addressOf(entry);
    const stream = this.#streams.grant(entry);
    const via = this.#namesOf(open.route);
    const grant: RelayGrant = {
      ...{ route: receiveFlow, sendFlow, via, socket, relayAddress, bindKey: key, rttMs },
      ...(stream === undefined ? {} : { stream }),
    };
    open.isGranted = true;
    this.#handlers.act((session, nowMs) => session.useRelay(grant, nowMs));
    this.#confirmIfMay(open);
  }

  #openAt(attachment: Attachment, open: OpenRoute): ReturnType<Attachment['openRelay']> {
    const { receiveFlow, sendFlow, hops } = open.route;
    const next = hops.slice(1);
    open.isConfirmable = this.#handlers.mayBorrow();
    return attachment.openRelay({
      peer: this.#leg.peer.identityKeyId,
      ...{ receiveFlow, sendFlow, confirmable: open.isConfirmable },
      ...(next.length === 0 ? {} : { next }),
    });
  }

  /** The peer may know our address from now on. */
  letConfirm(): void {
    for (const open of this.#byFlow.values()) if (open.isGranted) this.#confirmIfMay(open);
  }

  /** A supernode that was asked before the peer might know our address is asked once more, and says nothing new. */
  #confirmIfMay(open: OpenRoute): void {
    const attachment = this.#handlers.attachment(open.route.hops[0]!);
    if (attachment === undefined || open.isConfirmable || !this.#handlers.mayBorrow()) return;
    // Without that word ports are not guessed, and nothing else is missing.
    void this.#openAt(attachment, open).catch(() => {});
  }

  async #attachmentFor(open: OpenRoute): Promise<Attachment | null> {
    const supernodeId = open.route.hops[0]!;
    const there = this.#handlers.attachment(supernodeId);
    if (there !== undefined) return there;
    const borrowed = [...this.#byFlow.values()].filter(({ isBorrowed }) => isBorrowed).length;
    if (!open.isBorrowed) {
      if (!this.#handlers.mayBorrow() || borrowed >= MAX_BORROWED) return null;
      if (this.#borrowedInAll >= MAX_BORROWED_IN_ALL) return null;
      this.#borrowedInAll++;
      open.isBorrowed = true;
    } else this.#handlers.giveBack(supernodeId);
    return this.#handlers.borrow(supernodeId);
  }

  /** Only addresses that the directory signed: a supernode's own word could point us at anybody. */
  #addressOf(entry: SupernodeEntry): { socket: number; relayAddress: string } {
    const reachable = entry.udp.filter((text) => {
      const address = parseAddressPort(text)?.address;
      return address !== undefined && this.#handlers.socketFor(address) !== null;
    });
    const relayAddress = reachable.find((address) => !address.startsWith('[')) ?? reachable[0];
    if (relayAddress === undefined) {
      throw new OvercallError(
        'supernode-unreachable',
        'no address of the relay is of a kind that this machine has',
      );
    }
    return { relayAddress, socket: this.#handlers.socketFor(parseAddressPort(relayAddress)!.address)! };
  }

  /** That supernode is back: it may have forgotten the routes that begin there, and those that are being opened. */
  reopenAt(supernodeId: string): void {
    for (const open of this.#byFlow.values()) {
      if (open.route.hops[0] !== supernodeId) continue;
      open.opening.handleBack(monotonicMs());
      this.#drive(open);
    }
  }

  close(receiveFlow: number): void {
    const open = this.#byFlow.get(receiveFlow);
    if (open === undefined) return;
    this.#byFlow.delete(receiveFlow);
    open.timer.set(null);
    if (open.isGranted) this.#linger(open);
    else this.#leave(open);
  }

  #linger(open: OpenRoute): void {
    const { receiveFlow } = open.route;
    this.#handlers.act((session, nowMs) => session.retireRoute(receiveFlow, nowMs));
    this.#lingering.add(open, monotonicMs());
    this.#endLingering();
  }

  #endLingering(): void {
    for (const open of this.#lingering.poll(monotonicMs())) {
      this.#handlers.act((session, nowMs) => session.dropRoute(open.route.receiveFlow, nowMs));
      this.#leave(open);
    }
    const { deadline } = this.#lingering;
    this.#lingerTimer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
  }

  #leave(open: OpenRoute): void {
    this.#release(open);
    this.#handlers.onReleased();
  }

  #release({ route, isBorrowed, timer }: OpenRoute): void {
    timer.set(null);
    const { hops, receiveFlow, sendFlow } = route;
    this.#handlers.attachment(hops[0]!)?.send({ t: 'relay-close', receiveFlow, sendFlow });
    if (isBorrowed) this.#handlers.giveBack(hops[0]!);
  }

  /** Nothing is opened any more; what is open stays until {@link releaseAll}, for the byes. */
  stop(): void {
    this.#isClosed = true;
  }

  releaseAll(): void {
    this.#lingerTimer.set(null);
    for (const open of this.#lingering.clear()) this.#release(open);
    for (const open of this.#byFlow.values()) this.#release(open);
    this.#byFlow.clear();
  }

  /** For questions that a supernode has to answer: its entry. */
  get anyEntry(): SupernodeEntry | undefined {
    const open = this.granted[0] ?? [...this.#byFlow.values()][0]?.route;
    return open === undefined ? undefined : this.#handlers.entryOf(open.hops[0]!);
  }

  /** Whether the peer is bound from that IP address: the supernodes to which it is bound know. The first yes counts. */
  async isPeerBoundFrom(address: string): Promise<boolean> {
    const asked = this.granted.map(async ({ hops, receiveFlow, sendFlow }) => {
      const question = { receiveFlow, sendFlow, address };
      const answer = await this.#handlers.attachment(hops[0]!)?.confirmPeer(question);
      if (answer?.known !== true) throw new Error('not known there');
    });
    return Promise.any(asked).then(
      () => true,
      () => false,
    );
  }
}

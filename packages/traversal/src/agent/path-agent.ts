import type { FlowId, Ping } from '@overcall/wire';
import type { NatBehaviour } from '../nat-behaviour.ts';
import type { Candidate } from './candidate.ts';
import type { CandidateMessage } from './candidate-exchange.ts';
import { Checks } from './checks.ts';
import type { LocalSocket } from './direct-paths.ts';
import { DirectSearch } from './direct-search.ts';
import type { FreshSocket } from './foretelling.ts';
import { isDead } from './judge-path.ts';
import { KnownPaths } from './known-paths.ts';
import type { Path, SocketId } from './path.ts';
import type { PathAgentOptions, PathCounters, PathOutput } from './path-agent-types.ts';
import { type AudioState, Pinger } from './pinger.ts';
import { type RelayRoute, RelayRoutes } from './relay-routes.ts';
import { Selection, type Switched } from './selection.ts';
import { sparesOf } from './spares.ts';

const NOTHING: readonly PathOutput[] = [];

/**
 * All paths of one call to one peer: finds direct ones, measures every one by checks that only the peer can answer,
 * and says where media goes. Either side sends on the path that it finds best, and accepts from any.
 *
 * Life: relay routes come and go (`useRelay`, `dropRoute`); once our addresses may be known (`expose`), candidates are told
 * and the peer's are checked; `talk` when audio flows; `routes` for each media packet.
 */
export class PathAgent {
  readonly #dropped = { forgedChecks: 0, unwelcomeChecks: 0 };
  readonly #relays = new RelayRoutes();
  readonly #search: DirectSearch;
  readonly #checks: Checks;
  readonly #selection = new Selection();
  readonly #outputs: PathOutput[] = [];
  readonly #known: KnownPaths;
  readonly #pinger: Pinger;
  readonly #audio: AudioState = { isTalking: false, jitterMs: 0 };
  /** Spares that carry copies, while the path in use is suspected. */
  #attended: Set<Path> | null = null;

  constructor(options: PathAgentOptions) {
    const emit = (output: PathOutput) => this.#outputs.push(output);
    this.#checks = new Checks(options.cipher, options.random);
    this.#search = new DirectSearch(options, {
      emit,
      ping: (path, nowMs) => this.#pinger.ping(path, nowMs),
      open: (path, nowMs) => this.#pinger.open(path, nowMs),
      probe: (socket, to, opens, nowMs) => this.#pinger.probe(socket, to, opens, nowMs),
      relayRttMs: () => Math.max(0, ...this.#relays.all.map(({ rttMs }) => rttMs ?? 0)),
    });
    this.#known = new KnownPaths(this.#relays, this.#search, options.directOnly ?? false);
    this.#pinger = new Pinger({
      checks: this.#checks,
      known: this.#known,
      search: this.#search,
      selection: this.#selection,
      audio: this.#audio,
      emit,
    });
  }

  get counters(): PathCounters {
    return { ...this.#dropped, strayPongs: this.#pinger.strayPongs };
  }

  poll(): readonly PathOutput[] {
    return this.#outputs.length === 0 ? NOTHING : this.#outputs.splice(0);
  }

  get deadline(): number {
    const { jitterMs, isTalking } = this.#audio;
    let deadline = Math.min(this.#selection.deadline(jitterMs, isTalking), this.#search.deadline);
    for (const { nextPingAtMs } of this.#known.all) deadline = Math.min(deadline, nextPingAtMs);
    return deadline;
  }

  /** The path that carries the audio. */
  get current(): Path | null {
    return this.#selection.current;
  }

  /** The ways over supernodes. */
  get relays(): readonly Path[] {
    return this.#relays.all;
  }

  /** Flow id for datagrams on a path; null while the peer has not said. */
  flowOf(path: Path): FlowId | null {
    return this.#known.flowOf(path);
  }

  /** Where to send the next media packet. */
  routes(nowMs: number): readonly Path[] {
    return this.#selection.routes(this.#known.usable, nowMs);
  }

  /**
   * A relay route to which we are bound: usable at once. One that is there already is reached this way from now on: what
   * is still under way on the other one is taken, and audio that goes over it goes on here. False for one too many.
   */
  useRelay(relay: RelayRoute, nowMs: number): boolean {
    const used = this.#relays.use(relay);
    if (used === null) return false;
    const { path, before } = used;
    if (path !== before) {
      path.provenAtMs = nowMs;
      if (before !== null && before === this.current)
        this.#handleSwitch(this.#selection.replace(path, nowMs), nowMs);
    }
    this.#pinger.ping(path, nowMs);
    this.#update(nowMs);
    return true;
  }

  dropRoute(flow: FlowId, nowMs: number): void {
    if (this.#relays.drop(flow)) this.#update(nowMs);
  }

  /** Our end of that route is not to be reached for now. */
  restRoute(flow: FlowId, nowMs: number): void {
    if (this.#relays.rest(flow)) this.#update(nowMs);
  }

  /** Share of the pings that were lost, of all paths, for each has few: what audio will lose is known later. */
  get pingLossShare(): number {
    return this.#known.pingLossShare;
  }

  /** Whether the path in use is suspected to have fallen silent. */
  get isSuspected(): boolean {
    return this.#selection.isSuspected;
  }

  /** UDP passes again that was blocked: what was given up meanwhile is checked anew, from both sides. */
  handleUdpRegained(nowMs: number): void {
    this.#search.renew(nowMs);
  }

  /** The relay routes that matter now, by their flows: the one in use, then those that take over when the path in use fails. */
  routesThatMatter(nowMs: number): FlowId[] {
    const paths = [this.current, ...sparesOf(this.#known.all, this.current, nowMs)];
    return paths.flatMap((path) => path?.flow ?? []);
  }

  /** Whether the peer answers over that relay route. */
  isRouteUp(flow: FlowId, nowMs: number): boolean {
    const path = this.#relays.pathOf(flow);
    return path !== null && path.answeredPingAtMs !== null && !isDead(path, nowMs);
  }

  /** Since when a relay route leaves pings to the peer unanswered; null while all is well. */
  routeUnansweredSince(flow: FlowId): number | null {
    return this.#relays.pathOf(flow)?.unansweredSinceMs ?? null;
  }

  /** When the newest ping went out over a relay route that the peer has answered; null before. */
  routeAnsweredPingAt(flow: FlowId): number | null {
    return this.#relays.pathOf(flow)?.answeredPingAtMs ?? null;
  }

  addSocket(socket: LocalSocket, nowMs: number): void {
    this.#search.addSocket(socket, nowMs);
  }

  /** All addresses of ours at which the peer may try to reach us. */
  setCandidates(candidates: readonly Candidate[]): void {
    this.#search.setCandidates(candidates);
  }

  /** What is known of our NATs; best before {@link expose}. */
  setNat(nat: NatBehaviour, nowMs: number): void {
    this.#search.setNat(nat, nowMs);
  }

  /** From now on the peer may learn our addresses. */
  expose(nowMs: number): void {
    this.#search.expose(nowMs);
  }

  /** What the peer tells about its addresses, or that it has heard of ours. */
  handleTold(message: CandidateMessage, nowMs: number): void {
    this.#search.handleTold(message, nowMs);
  }

  /** Sockets that were asked for (`open-sockets`). */
  handleOpened(sockets: readonly FreshSocket[], nowMs: number): void {
    this.#search.handleOpened(sockets, nowMs);
  }

  /** How a server sees a socket (`measure`). */
  handleMeasured(mapped: string, nowMs: number): void {
    this.#search.handleMeasured(mapped, nowMs);
  }

  /** Whether the peer is bound at the relay from that IP address (`confirm`). */
  handleConfirmed(address: string, isConfirmed: boolean, nowMs: number): void {
    this.#search.handleConfirmed(address, isConfirmed, nowMs);
  }

  /** Audio flows in both directions from now on. */
  talk(nowMs: number): void {
    this.#audio.isTalking = true;
    this.#selection.tryOut(this.#selection.spares(this.#known.usable, nowMs)[0] ?? null, nowMs);
    const { current } = this;
    if (current !== null) this.#pinger.hurry(current, nowMs);
  }

  /** The addresses of this machine have changed, or its NAT's: every path is looked at anew. */
  handleNetworkChange(nowMs: number): void {
    this.#search.budget.renewAll();
    this.#selection.handleNetworkChange();
    for (const path of this.#known.all) {
      if (!path.isProven) path.unanswered = 0;
      this.#pinger.ping(path, nowMs);
    }
  }

  noteSent(path: Path): void {
    path.sentPackets++;
  }

  /** Audio has gone out and will again by `untilMs`: pings that are due in between go with it, and wake nobody by themselves. */
  pingBeside(untilMs: number, nowMs: number): void {
    if (this.#selection.isSuspected || this.#selection.isTrying) return;
    for (const path of this.#known.all)
      if (path.isProven && path.unanswered === 0 && path.nextPingAtMs < untilMs)
        this.#pinger.ping(path, nowMs);
  }

  /** An authentic media packet came in on that flow. */
  handleMedia(flow: FlowId, socket: SocketId, from: string, jitterMs: number, nowMs: number): void {
    this.#audio.jitterMs = jitterMs;
    const path = this.#known.hear(flow, socket, from, nowMs);
    if (path === null) return;
    path.receivedPackets++;
    this.#selection.suspicion.noteMedia(nowMs);
    if (!path.isProven && path.unanswered === 0) this.#pinger.ping(path, nowMs);
    this.#update(nowMs);
  }

  /**
   * A second copy of a media packet. It may as well be replayed, so it is only believed of paths that are there
   * already, and only to the extent that pings bear it out.
   */
  handleCopy(flow: FlowId, socket: SocketId, from: string, nowMs: number): void {
    const path = this.#known.find(flow, socket, from);
    if (path === null) return;
    path.receivedPackets++;
    this.#selection.suspicion.noteCopy(nowMs);
  }

  /** A datagram of type check; true when it is the peer's. What is not authentic is counted and dropped. */
  handleCheck(socket: SocketId, from: string, datagram: Uint8Array, nowMs: number): boolean {
    const read = this.#checks.read(datagram);
    if (read === null) {
      this.#dropped.forgedChecks++;
      return false;
    }
    const { flow, check } = read;
    const path = this.#known.hear(flow, socket, from, nowMs);
    if (path === null) {
      this.#dropped.unwelcomeChecks++;
      return false;
    }
    if (check.kind === 'pong') this.#pinger.handlePong(path, check, nowMs);
    else this.#handlePing(path, check, from, nowMs);
    this.#update(nowMs);
    return true;
  }

  #handlePing(path: Path, ping: Ping, from: string, nowMs: number): void {
    path.noteIncoming(ping.sentPackets, nowMs);
    // What we send may be lost, although our own path looks fine.
    if (ping.misses && this.#audio.isTalking && this.#selection.suspectByPeer(nowMs)) this.#update(nowMs);
    this.#pinger.handlePing(path, ping, from, nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.#search.handleTimeout(nowMs);
    for (const path of this.#known.all) this.#pinger.pingIfDue(path, nowMs);
    this.#update(nowMs);
  }

  #update(nowMs: number): void {
    const { usable: paths } = this.#known;
    const switched = this.#selection.update(paths, { nowMs, ...this.#audio });
    this.#attendSuspicion(paths, nowMs);
    if (switched !== null) this.#handleSwitch(switched, nowMs);
  }

  /** What was sent last may be lost: each spare gets it again, also one that joins later. */
  #attendSuspicion(paths: readonly Path[], nowMs: number): void {
    if (!this.#selection.isSuspected) {
      this.#attended = null;
      return;
    }
    if (this.#attended === null) {
      this.#attended = new Set();
      if (this.current !== null) this.#pinger.ping(this.current, nowMs);
    }
    for (const spare of this.#selection.spares(paths, nowMs)) {
      if (this.#attended.has(spare)) continue;
      this.#attended.add(spare);
      this.#pinger.ping(spare, nowMs);
      this.#outputs.push({ type: 'repeat', path: spare });
    }
  }

  #handleSwitch({ path, before, reason }: Switched, nowMs: number): void {
    for (const each of this.#known.usable) if (each.isProven) this.#pinger.hurry(each, nowMs);
    this.#outputs.push({ type: 'path', path, reason });
    // The peer learns what was lost there until now, and may leave it, too.
    if (reason === 'better' && before !== null) this.#pinger.ping(before, nowMs);
    if (reason !== 'silent') return;
    if (this.#search.isExposed) this.#outputs.push({ type: 'gather' });
    for (const other of this.#known.usable)
      if (other !== path && other.isProven) this.#pinger.ping(other, nowMs);
  }
}

import type { Check, FlowId, Ping, Pong } from '@overcall/wire';
import type { NatBehaviour } from '../nat-behaviour.ts';
import type { Candidate } from './candidate.ts';
import { type CandidateMessage, checkAddressOf } from './candidate-exchange.ts';
import { Checks } from './checks.ts';
import { type LocalSocket, nextCheckAt } from './direct-paths.ts';
import { DirectSearch } from './direct-search.ts';
import type { FreshSocket } from './foretelling.ts';
import { isDead } from './judge-path.ts';
import type { Path, SocketId } from './path.ts';
import type { PathAgentOptions, PathCounters, PathOutput } from './path-agent-types.ts';
import { FORGET_AFTER_UNANSWERED, PING_WARM_MS, pingInterval } from './ping-times.ts';
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
  readonly counters: PathCounters = { forgedChecks: 0, unwelcomeChecks: 0, strayPongs: 0 };
  readonly #isDirectOnly: boolean;
  readonly #relays = new RelayRoutes();
  readonly #search: DirectSearch;
  readonly #checks: Checks;
  readonly #selection = new Selection();
  readonly #outputs: PathOutput[] = [];
  /** All paths, and what that list was made of. */
  #known: Record<'relays' | 'direct' | 'all', readonly Path[]> = { relays: [], direct: [], all: [] };
  #isTalking = false;
  #jitterMs = 0;
  /** Spares that carry copies, while the path in use is suspected. */
  #attended: Set<Path> | null = null;

  constructor(options: PathAgentOptions) {
    this.#isDirectOnly = options.directOnly ?? false;
    this.#checks = new Checks(options.cipher, options.random);
    this.#search = new DirectSearch(options, {
      emit: (output) => this.#outputs.push(output),
      ping: (path, nowMs) => this.#ping(path, nowMs),
      open: (path, nowMs) => this.#send(path, this.#pingOf(path, nowMs), true),
      probe: (socket, to, opens) => this.#probe(socket, to, opens),
      relayRttMs: () => Math.max(0, ...this.#relays.all.map(({ rttMs }) => rttMs ?? 0)),
    });
  }

  poll(): readonly PathOutput[] {
    return this.#outputs.length === 0 ? NOTHING : this.#outputs.splice(0);
  }

  get deadline(): number {
    let deadline = Math.min(this.#selection.deadline(this.#jitterMs, this.#isTalking), this.#search.deadline);
    for (const { nextPingAtMs } of this.#paths()) deadline = Math.min(deadline, nextPingAtMs);
    return deadline;
  }

  /** The path that carries the audio. */
  get current(): Path | null {
    return this.#selection.current;
  }

  #paths(): readonly Path[] {
    const { relays, direct } = this.#known;
    if (relays !== this.#relays.all || direct !== this.#search.paths)
      this.#known = {
        relays: this.#relays.all,
        direct: this.#search.paths,
        all: [...this.#relays.all, ...this.#search.paths],
      };
    return this.#known.all;
  }

  /** The ways over supernodes. */
  get relays(): readonly Path[] {
    return this.#relays.all;
  }

  /** The paths that audio may take. */
  #usable(): readonly Path[] {
    return this.#isDirectOnly ? this.#search.paths : this.#paths();
  }

  /** Flow id for datagrams on a path; null while the peer has not said. */
  flowOf(path: Path): FlowId | null {
    return path.flow === null ? this.#search.sendFlow : this.#relays.sendFlowOf(path.flow);
  }

  /** Where to send the next media packet. */
  routes(nowMs: number): readonly Path[] {
    return this.#selection.routes(this.#usable(), nowMs);
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
    this.#ping(path, nowMs);
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
    let [counted, answered] = [0, 0];
    for (const path of this.#paths()) {
      counted += path.countedPings;
      answered += path.answers;
    }
    return counted === 0 ? 0 : (counted - answered) / counted;
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
    const paths = [this.current, ...sparesOf(this.#paths(), this.current, nowMs)];
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
    this.#isTalking = true;
    this.#selection.tryOut(this.#selection.spares(this.#usable(), nowMs)[0] ?? null, nowMs);
    const { current } = this;
    if (current !== null)
      current.nextPingAtMs = Math.min(current.nextPingAtMs, nowMs + this.#pingInterval(current, nowMs));
  }

  /** The addresses of this machine have changed, or its NAT's: every path is looked at anew. */
  handleNetworkChange(nowMs: number): void {
    this.#search.budget.renewAll();
    this.#selection.handleNetworkChange();
    for (const path of this.#paths()) {
      if (!path.isProven) path.unanswered = 0;
      this.#ping(path, nowMs);
    }
  }

  noteSent(path: Path): void {
    path.sentPackets++;
  }

  /** An authentic media packet came in on that flow. */
  handleMedia(flow: FlowId, socket: SocketId, from: string, jitterMs: number, nowMs: number): void {
    this.#jitterMs = jitterMs;
    const path = this.#hear(flow, socket, from, nowMs);
    if (path === null) return;
    path.receivedPackets++;
    this.#selection.suspicion.noteMedia(nowMs);
    if (!path.isProven && path.unanswered === 0) this.#ping(path, nowMs);
    this.#update(nowMs);
  }

  /**
   * A second copy of a media packet. It may as well be replayed, so it is only believed of paths that are there
   * already, and only to the extent that pings bear it out.
   */
  handleCopy(flow: FlowId, socket: SocketId, from: string, nowMs: number): void {
    const path = this.#relays.has(flow)
      ? this.#relays.find(flow, socket, from)
      : this.#search.find(socket, from);
    if (path === null) return;
    path.receivedPackets++;
    this.#selection.suspicion.noteCopy(nowMs);
  }

  /** The path that something authentic came on; null when there can be none. */
  #hear(flow: FlowId, socket: SocketId, from: string, nowMs: number): Path | null {
    const path = this.#relays.has(flow)
      ? this.#relays.find(flow, socket, from)
      : this.#search.hear(flow, socket, from, nowMs);
    if (path !== null) path.heardAtMs = nowMs;
    return path;
  }

  /** A datagram of type check; true when it is the peer's. What is not authentic is counted and dropped. */
  handleCheck(socket: SocketId, from: string, datagram: Uint8Array, nowMs: number): boolean {
    const read = this.#checks.read(datagram);
    if (read === null) {
      this.counters.forgedChecks++;
      return false;
    }
    const { flow, check } = read;
    const path = this.#hear(flow, socket, from, nowMs);
    if (path === null) {
      this.counters.unwelcomeChecks++;
      return false;
    }
    if (check.kind === 'ping') this.#handlePing(path, check, from, nowMs);
    else this.#handlePong(path, check, nowMs);
    this.#update(nowMs);
    return true;
  }

  #handlePing(path: Path, ping: Ping, from: string, nowMs: number): void {
    path.noteIncoming(ping.sentPackets, nowMs);
    // What we send may be lost, although our own path looks fine.
    if (ping.misses && this.#isTalking && this.#selection.suspectByPeer(nowMs)) this.#update(nowMs);
    // A peer may lie about where it is: an address that never answered is not talked to for long.
    if (!path.isProven && !this.#search.budget.takePong(path.remote)) return;
    this.#send(path, {
      kind: 'pong',
      token: ping.token,
      receivedPackets: path.receivedPackets,
      seen: path.isDirect ? checkAddressOf(from) : null,
    });
    if (ping.reflexive !== null) this.#search.nameAlso(ping.reflexive, nowMs);
    if (!path.isProven) this.#search.noteHit(nowMs);
    // It reached us from there, so we may well reach it there: at once, whatever the schedule says.
    const isWorthIt = path.isProven ? path.unanswered >= 2 : this.#search.budget.mayCheck(path.remote);
    if (isWorthIt && path !== this.current) this.#ping(path, nowMs);
  }

  #handlePong(path: Path, pong: Pong, nowMs: number): void {
    const ping = this.#checks.take(pong.token);
    if (ping === null || ping.path !== path) {
      this.counters.strayPongs++;
      return;
    }
    const isNew = !path.isProven;
    path.noteAnswer(ping.sentAtMs, nowMs, ping.number);
    this.#search.budget.renew(path.remote);
    path.noteSeenAs(pong.seen && `${pong.seen.address} ${pong.seen.port}`);
    path.noteRtt(nowMs - ping.sentAtMs);
    path.noteOutgoing(ping.sentPackets, pong.receivedPackets, nowMs);
    const nextPingAtMs = nowMs + this.#pingInterval(path, nowMs);
    // An old answer does not put off what a suspected path is asked.
    const isAsked = path === this.current && this.#selection.isSuspected;
    path.nextPingAtMs = isAsked ? Math.min(path.nextPingAtMs, nextPingAtMs) : nextPingAtMs;
    this.#selection.noteAnswered(path, ping, nowMs);
    if (isNew && path.isDirect) this.#search.guess(nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.#search.handleTimeout(nowMs);
    for (const path of this.#paths()) if (nowMs >= path.nextPingAtMs) this.#pingAgain(path, nowMs);
    this.#update(nowMs);
  }

  #pingAgain(path: Path, nowMs: number): void {
    if (path.isDirect && path.isProven && path.unanswered >= FORGET_AFTER_UNANSWERED) {
      if (path === this.current) path.nextPingAtMs = nowMs + PING_WARM_MS;
      else this.#search.forget(path, nowMs);
      return;
    }
    this.#ping(path, nowMs);
  }

  #ping(path: Path, nowMs: number): void {
    // Without a flow: until the peer says on which one it listens.
    if (this.flowOf(path) === null || !this.#search.mayPing(path)) {
      path.nextPingAtMs = Number.POSITIVE_INFINITY;
      return;
    }
    this.#send(path, this.#pingOf(path, nowMs));
    path.unanswered++;
    path.unansweredSinceMs ??= nowMs;
    path.nextPingAtMs = path.isProven ? nowMs + this.#pingInterval(path, nowMs) : nextCheckAt(path, nowMs);
  }

  #pingOf(path: Path, nowMs: number): Ping {
    return this.#checks.ping(path, nowMs, {
      misses: this.#isTalking && this.#selection.suspicion.misses(this.#jitterMs, nowMs),
      reflexive: this.#search.nextReflexive(),
    });
  }

  #pingInterval(path: Path, nowMs: number): number {
    return pingInterval(path, {
      selection: this.#selection,
      isTalking: this.#isTalking,
      paths: this.#paths(),
      usable: this.#usable(),
      nowMs,
    });
  }

  #send(path: Path, check: Check, opens = false): void {
    const flow = this.flowOf(path);
    const { socket, remote: to } = path;
    if (flow !== null) this.#outputs.push(this.#checks.write(check, { socket, to, flow, opens }));
  }

  #probe(socket: SocketId, to: string, opens: boolean): void {
    const flow = this.#search.sendFlow;
    if (flow === null) return;
    this.#outputs.push(this.#checks.write(this.#checks.probe(), { socket, to, flow, opens }));
  }

  #update(nowMs: number): void {
    const paths = this.#usable();
    const switched = this.#selection.update(paths, {
      nowMs,
      jitterMs: this.#jitterMs,
      isTalking: this.#isTalking,
    });
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
      if (this.current !== null) this.#ping(this.current, nowMs);
    }
    for (const spare of this.#selection.spares(paths, nowMs)) {
      if (this.#attended.has(spare)) continue;
      this.#attended.add(spare);
      this.#ping(spare, nowMs);
      this.#outputs.push({ type: 'repeat', path: spare });
    }
  }

  #handleSwitch({ path, before, reason }: Switched, nowMs: number): void {
    for (const each of this.#usable())
      if (each.isProven)
        each.nextPingAtMs = Math.min(each.nextPingAtMs, nowMs + this.#pingInterval(each, nowMs));
    this.#outputs.push({ type: 'path', path, reason });
    // The peer learns what was lost there until now, and may leave it, too.
    if (reason === 'better' && before !== null) this.#ping(before, nowMs);
    if (reason !== 'silent') return;
    if (this.#search.isExposed) this.#outputs.push({ type: 'gather' });
    for (const other of this.#usable()) if (other !== path && other.isProven) this.#ping(other, nowMs);
  }
}

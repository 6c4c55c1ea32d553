import {
  CHECK_HEADER_BYTES,
  CHECK_TOKEN_BYTES,
  type Check,
  type CheckAddress,
  type FlowId,
  type Ping,
  type Pong,
  readCheck,
  readCheckHeader,
  writeCheck,
  writeCheckDatagram,
} from '@overcall/wire';
import { addressFromBytes, formatAddressPort } from '../ip-address.ts';
import type { NatBehaviour } from '../nat-behaviour.ts';
import type { Candidate } from './candidate.ts';
import { CandidateExchange, type CandidateMessage, checkAddressOf } from './candidate-exchange.ts';
import { CheckBudget, MAX_UNANSWERED_CHECKS } from './check-budget.ts';
import { DirectPaths, type LocalSocket, nextCheckAt } from './direct-paths.ts';
import type { FreshSocket } from './foretelling.ts';
import { Guesser, type GuessOutput } from './guesser.ts';
import { isDead } from './judge-path.ts';
import type { Path, SocketId } from './path.ts';
import type { PathAgentOptions, PathCounters, PathOutput } from './path-agent-types.ts';
import { PingBook } from './ping-book.ts';
import { type RelayRoute, RelayRoutes } from './relay-routes.ts';
import { Selection, type Switched } from './selection.ts';
import { warmRelay } from './spares.ts';
import { PING_APART_MS } from './suspicion.ts';

/** Hop limit of the first datagram to an address: it opens our NATs and dies before it reaches the peer's. */
const OPENING_HOP_LIMIT = 5;
/**
 * A peer that does not say that it has our candidates is checked all the same after this time, ms, and round trips of
 * the relay: a check that is earlier than what opens the peer's NAT can spoil its mapping.
 */
const OPEN_GRACE_MS = 150;
const OPEN_GRACE_ROUND_TRIPS = 2;
/** Who keeps quiet checks all the same after this time, ms, for the peer may do the same: see {@link PathAgent.keepQuiet}. */
const QUIET_MS = 1500;
/**
 * Time between pings, ms: of paths that carry audio, of the relay that is kept warm, of further ones. NATs on the way to a
 * relay remember a flow for 15 s at least (docs/paths.md), a relay for 30 s.
 */
const PING_IN_USE_MS = 250;
const PING_WARM_MS = 1000;
const PING_OTHER_MS = 5000;
/** A path that has answered less often than that is asked again after this time, ms: until its round trip is known. */
const KNOWN_AFTER_ANSWERS = 4;
const PING_NEW_MS = 200;
/** While the path in use is suspected, it and its spares are pinged this often, ms; while it is new to audio, it alone. */
const PING_SUSPECTED_MS = PING_APART_MS;
/** A direct path that has not answered so many pings is forgotten. */
const FORGET_AFTER_UNANSWERED = 8;

/**
 * All paths of one call to one peer: finds direct ones, measures every one by checks that only the peer can answer,
 * and says where media goes. Either side sends on the path that it finds best, and accepts from any.
 *
 * Life: relay routes come and go (`useRelay`, `dropRoute`); once our addresses may be known (`expose`), candidates are told
 * and the peer's are checked; `talk` when audio flows; `routes` for each media packet.
 */
export class PathAgent {
  readonly counters: PathCounters = { forgedChecks: 0, unwelcomeChecks: 0, strayPongs: 0 };
  readonly #options: PathAgentOptions;
  readonly #direct: DirectPaths;
  readonly #relays = new RelayRoutes();
  readonly #sockets = new Map<SocketId, LocalSocket>();
  readonly #pings: PingBook;
  readonly #budget = new CheckBudget();
  readonly #selection = new Selection();
  readonly #outputs: PathOutput[] = [];
  readonly #exchange: CandidateExchange;
  readonly #guesser: Guesser;
  #isTalking = false;
  #jitterMs = 0;
  /** Spares that carry copies, while the path in use is suspected. */
  #attended: Set<Path> | null = null;

  constructor(options: PathAgentOptions) {
    this.#options = options;
    this.#direct = new DirectPaths(options.mayCheck);
    this.#pings = new PingBook(options.random);
    this.#exchange = new CandidateExchange(options.receiveFlow);
    this.#guesser = new Guesser(options.random);
  }

  poll(): PathOutput[] {
    return this.#outputs.splice(0);
  }

  get deadline(): number {
    let deadline = Math.min(
      this.#selection.deadline(this.#jitterMs, this.#isTalking),
      this.#guesser.deadline,
    );
    for (const { nextPingAtMs } of this.#paths()) deadline = Math.min(deadline, nextPingAtMs);
    return deadline;
  }

  /** The path that carries the audio. */
  get current(): Path | null {
    return this.#selection.current;
  }

  #paths(): Path[] {
    return [...this.#relays.all, ...this.#direct.all];
  }

  /** The paths that audio may take. */
  #usable(): Path[] {
    return this.#options.directOnly ? [...this.#direct.all] : this.#paths();
  }

  /** Flow id for datagrams on a path; null while the peer has not said. */
  flowOf(path: Path): FlowId | null {
    return path.flow === null ? this.#exchange.sendFlow : this.#relays.sendFlowOf(path.flow);
  }

  /** Where to send the next media packet. */
  routes(nowMs: number): Path[] {
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

  /** Whether the path in use is suspected to have fallen silent. */
  get isSuspected(): boolean {
    return this.#selection.isSuspected;
  }

  /** UDP passes again that was blocked: what was given up meanwhile is checked anew, from both sides. */
  handleUdpRegained(nowMs: number): void {
    if (!this.#exchange.isExposed) return;
    this.#exchange.renew();
    this.#tell();
    this.#outputs.push({ type: 'gather' });
    this.#openRemote(nowMs);
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

  addSocket(socket: LocalSocket, nowMs: number): void {
    this.#sockets.set(socket.id, socket);
    if (this.#exchange.isExposed) this.#open(this.#direct.pair(this.#sockets.values()), nowMs);
  }

  /** All addresses of ours at which the peer may try to reach us. */
  setCandidates(candidates: readonly Candidate[]): void {
    if (this.#exchange.setLocal(candidates) && this.#exchange.isExposed) this.#tell();
  }

  /** What is known of our NATs; best before {@link expose}. */
  setNat(nat: NatBehaviour, nowMs: number): void {
    if (this.#exchange.setNat(nat) && this.#exchange.isExposed) this.#tell();
    this.#guess(nowMs);
  }

  /**
   * Our NAT maps by destination (RFC 4787, 4.1) and lets everyone in (section 5): at the addresses that servers saw, the
   * peer reaches us, and our answers come from there, unless a check of our own has made another port towards it
   * before. So addresses that have not been heard are left alone for a while. One of two such sides has to begin.
   */
  get #isQuiet(): boolean {
    const { localNat, remoteNat } = this.#exchange;
    return isOpenButMoving(localNat) && !(isOpenButMoving(remoteNat) && this.#exchange.isFirst);
  }

  /** From now on the peer may learn our addresses. */
  expose(nowMs: number): void {
    if (this.#exchange.isExposed) return;
    this.#exchange.expose();
    this.#tell();
    this.#openRemote(nowMs);
    this.#guess(nowMs);
    this.#checkIfPeerHasAll(nowMs);
  }

  #tell(): void {
    this.#outputs.push({ type: 'tell', message: this.#exchange.message() });
  }

  /** What the peer tells about its addresses, or that it has heard of ours. */
  handleTold(message: CandidateMessage, nowMs: number): void {
    const isNew = this.#exchange.read(message);
    if (!this.#exchange.isExposed) return;
    if (isNew) {
      this.#tell();
      this.#retryProven(nowMs);
    }
    this.#openRemote(nowMs);
    this.#guess(nowMs);
    this.#checkIfPeerHasAll(nowMs);
  }

  /** The peer has moved, and may be reached where it was not a moment ago. Only addresses that once answered count. */
  #retryProven(nowMs: number): void {
    for (const path of this.#direct.all) {
      if (!path.isProven || path.unanswered < 2) continue;
      path.unanswered = 0;
      this.#ping(path, nowMs);
    }
  }

  #openRemote(nowMs: number): void {
    if (this.#exchange.sendFlow === null) return;
    this.#open(this.#direct.name(this.#exchange.remote, this.#sockets.values()), nowMs);
  }

  #checkIfPeerHasAll(nowMs: number): void {
    if (this.#exchange.sendFlow === null || !this.#exchange.peerHasAll || this.#isQuiet) return;
    // It has sent its own first datagrams by now, so ours will find its NATs open.
    for (const path of this.#direct.all) {
      if (path.unanswered === 0 && !path.isProven) this.#ping(path, nowMs);
    }
  }

  /** Opens our NATs for answers from there, with datagrams that do not arrive; the checks follow. */
  #open(paths: readonly Path[], nowMs: number): void {
    const relayRttMs = Math.max(0, ...this.#relays.all.map(({ rttMs }) => rttMs ?? 0));
    const graceMs = Math.max(OPEN_GRACE_MS, OPEN_GRACE_ROUND_TRIPS * relayRttMs);
    for (const path of paths) {
      if (this.#isQuiet) {
        path.nextPingAtMs = nowMs + QUIET_MS;
        continue;
      }
      if (this.#budget.takeOpening(path.remote))
        this.#send(path, this.#pingOf(path, nowMs), OPENING_HOP_LIMIT);
      path.nextPingAtMs = nowMs + graceMs;
    }
  }

  /** Audio flows in both directions from now on. */
  talk(nowMs: number): void {
    this.#isTalking = true;
    this.#selection.tryOut(this.#spares(nowMs)[0] ?? null, nowMs);
    const { current } = this;
    if (current !== null)
      current.nextPingAtMs = Math.min(current.nextPingAtMs, nowMs + this.#pingInterval(current, nowMs));
  }

  /** The addresses of this machine have changed, or its NAT's: every path is looked at anew. */
  handleNetworkChange(nowMs: number): void {
    this.#budget.renewAll();
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
  handleCopy(flow: FlowId, socket: SocketId, from: string): void {
    const path = this.#relays.has(flow)
      ? this.#relays.find(flow, socket, from)
      : this.#direct.find(socket, from);
    if (path) path.receivedPackets++;
  }

  /** The path that something authentic came on; null when there can be none. */
  #hear(flow: FlowId, socket: SocketId, from: string, nowMs: number): Path | null {
    const path = this.#relays.has(flow)
      ? this.#relays.find(flow, socket, from)
      : this.#hearDirect(flow, socket, from, nowMs);
    if (path !== null) path.heardAtMs = nowMs;
    return path;
  }

  #hearDirect(flow: FlowId, socket: SocketId, from: string, nowMs: number): Path | null {
    const isOurs = this.#sockets.has(socket) || this.#guesser.owns(socket);
    if (flow !== this.#options.receiveFlow || !this.#exchange.isExposed || !isOurs) return null;
    return this.#direct.learn(socket, from, nowMs);
  }

  /** A datagram of type check; true when it is the peer's. What is not authentic is counted and dropped. */
  handleCheck(socket: SocketId, from: string, datagram: Uint8Array, nowMs: number): boolean {
    const header = readCheckHeader(datagram);
    const sealed = datagram.subarray(CHECK_HEADER_BYTES);
    const plaintext = header && this.#options.cipher.open(header.counter, sealed);
    const check = plaintext && readCheck(plaintext);
    if (!check) {
      this.counters.forgedChecks++;
      return false;
    }
    const path = this.#hear(header!.flowId, socket, from, nowMs);
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
    if (!path.isProven && !this.#budget.takePong(path.remote)) return;
    this.#send(path, {
      kind: 'pong',
      token: ping.token,
      receivedPackets: path.receivedPackets,
      seen: path.isDirect ? checkAddressOf(from) : null,
    });
    if (ping.reflexive !== null && this.#exchange.isExposed) this.#nameAlso(ping.reflexive, nowMs);
    if (!path.isProven) this.#guesser.noteHit(nowMs);
    // It reached us from there, so we may well reach it there: at once, whatever the schedule says.
    const isWorthIt = path.isProven ? path.unanswered >= 2 : this.#budget.mayCheck(path.remote);
    if (isWorthIt && path !== this.current) this.#ping(path, nowMs);
  }

  /** The peer is somewhere new, and its supernode may not have been able to tell. */
  #nameAlso({ address, port }: CheckAddress, nowMs: number): void {
    const ip = addressFromBytes(address);
    if (ip === null || this.#exchange.sendFlow === null) return;
    this.#open(
      this.#direct.nameAlso(formatAddressPort({ address: ip, port }), this.#sockets.values()),
      nowMs,
    );
  }

  #handlePong(path: Path, pong: Pong, nowMs: number): void {
    const ping = this.#pings.take(pong.token);
    if (ping === null || ping.path !== path) {
      this.counters.strayPongs++;
      return;
    }
    const isNew = !path.isProven;
    path.noteAnswer(ping.sentAtMs, nowMs);
    this.#budget.renew(path.remote);
    path.noteSeenAs(pong.seen && `${pong.seen.address} ${pong.seen.port}`);
    path.noteRtt(nowMs - ping.sentAtMs);
    path.noteOutgoing(ping.sentPackets, pong.receivedPackets, nowMs);
    const nextPingAtMs = nowMs + this.#pingInterval(path, nowMs);
    // An old answer does not put off what a suspected path is asked.
    const isAsked = path === this.current && this.#selection.isSuspected;
    path.nextPingAtMs = isAsked ? Math.min(path.nextPingAtMs, nextPingAtMs) : nextPingAtMs;
    this.#selection.noteAnswered(path, ping, nowMs);
    if (isNew && path.isDirect) this.#guess(nowMs);
  }

  /** Sockets that were asked for (`open-sockets`). */
  handleOpened(sockets: readonly FreshSocket[], nowMs: number): void {
    this.#guesser.handleOpened(sockets, nowMs);
    this.#guess(nowMs);
  }

  /** How a server sees a socket (`measure`). */
  handleMeasured(mapped: string, nowMs: number): void {
    this.#guesser.handleMeasured(mapped, nowMs);
    this.#guess(nowMs);
  }

  /** Whether the peer is bound at the relay from that IP address (`confirm`). */
  handleConfirmed(address: string, isConfirmed: boolean, nowMs: number): void {
    this.#guesser.handleConfirmed(address, isConfirmed, nowMs);
    this.#guess(nowMs);
  }

  /** Ports that nobody can know are guessed as long as there is no direct path. */
  #guess(nowMs: number): void {
    const mainSocket = [...this.#sockets.values()].find(({ family }) => family === 'ipv4')?.id;
    const situation = mainSocket === undefined ? null : this.#exchange.situation(mainSocket);
    if (situation !== null) {
      const proven = [...this.#direct.all].filter(({ isProven }) => isProven);
      if (proven.length === 0) this.#guesser.consider(situation, nowMs);
      else
        this.#guesser.settle(
          proven.map(({ socket }) => socket),
          nowMs,
        );
    }
    const outputs = this.#guesser.poll();
    for (const output of outputs) this.#handleGuess(output, nowMs);
    if (outputs.some(({ type }) => type === 'pair')) this.#checkIfPeerHasAll(nowMs);
  }

  #handleGuess(output: GuessOutput, nowMs: number): void {
    switch (output.type) {
      case 'guess':
        this.#exchange.setGuess(output.guess);
        this.#tell();
        break;
      case 'pair': {
        const path = this.#direct.add(output.socket, output.remote);
        if (path !== null) this.#open([path], nowMs);
        break;
      }
      case 'probe':
        this.#sendProbe(output);
        break;
      case 'close-sockets':
        this.#direct.removeSockets(output.sockets);
        this.#outputs.push(output);
        break;
      default:
        this.#outputs.push(output);
    }
  }

  /** A check that nobody waits for: whoever is hit answers with checks of its own, and these count. */
  #sendProbe({ socket, to, opens }: Extract<GuessOutput, { type: 'probe' }>): void {
    if (!this.#options.mayCheck(to) || (!opens && !this.#budget.takeCheck(to))) return;
    const token = this.#options.random(CHECK_TOKEN_BYTES);
    const ping: Ping = { kind: 'ping', token, sentPackets: 0, misses: false, reflexive: null };
    this.#sendCheck(socket, to, this.#exchange.sendFlow, ping, opens ? OPENING_HOP_LIMIT : undefined);
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#guesser.deadline) {
      this.#guesser.handleTimeout(nowMs);
      this.#guess(nowMs);
    }
    for (const path of this.#paths()) if (nowMs >= path.nextPingAtMs) this.#pingAgain(path, nowMs);
    this.#update(nowMs);
  }

  #pingAgain(path: Path, nowMs: number): void {
    if (path.isDirect && path.isProven && path.unanswered >= FORGET_AFTER_UNANSWERED) {
      if (path !== this.current) {
        this.#direct.remove(path);
        this.#guess(nowMs);
      } else path.nextPingAtMs = nowMs + PING_WARM_MS;
      return;
    }
    this.#ping(path, nowMs);
  }

  #ping(path: Path, nowMs: number): void {
    // Without a flow: until the peer says on which one it listens.
    if (this.flowOf(path) === null || !this.#mayPing(path)) {
      path.nextPingAtMs = Number.POSITIVE_INFINITY;
      return;
    }
    this.#send(path, this.#pingOf(path, nowMs));
    path.unanswered++;
    path.unansweredSinceMs ??= nowMs;
    path.nextPingAtMs = path.isProven ? nowMs + this.#pingInterval(path, nowMs) : nextCheckAt(path, nowMs);
  }

  #mayPing(path: Path): boolean {
    if (path.isProven) return true;
    return !this.#guesser.replaces(path.socket, path.remote) && this.#budget.takeCheck(path.remote);
  }

  #pingOf(path: Path, nowMs: number): Ping {
    const token = this.#pings.note({ path, sentAtMs: nowMs, sentPackets: path.sentPackets });
    return {
      kind: 'ping',
      token,
      sentPackets: path.sentPackets,
      misses: this.#isTalking && this.#selection.suspicion.misses(this.#jitterMs, nowMs),
      reflexive: this.#exchange.nextReflexive(),
    };
  }

  #pingInterval(path: Path, nowMs: number): number {
    const { isSuspected, isTrying } = this.#selection;
    const isInUse = path === this.current;
    const isAnswering = path.unanswered < MAX_UNANSWERED_CHECKS;
    if (isSuspected && isAnswering && (isInUse || this.#spares(nowMs).includes(path)))
      return PING_SUSPECTED_MS;
    if (this.#isTalking && isInUse) return isTrying && isAnswering ? PING_SUSPECTED_MS : PING_IN_USE_MS;
    if (this.#isTalking && this.#selection.isCompanion(path)) return PING_IN_USE_MS;
    if (path.unanswered === 0 && path.answers < KNOWN_AFTER_ANSWERS) return PING_NEW_MS;
    if (isInUse || (!path.isDirect && this.#isWarm(path, nowMs))) return PING_WARM_MS;
    return PING_OTHER_MS;
  }

  /** A relay that has just stopped answering is asked as often, until that is sure. */
  #isWarm(path: Path, nowMs: number): boolean {
    const isDoubtful = path.unanswered > 0 && path.unanswered < FORGET_AFTER_UNANSWERED;
    return isDoubtful || path === warmRelay(this.#usable(), this.current, nowMs);
  }

  #spares(nowMs: number): Path[] {
    return this.#selection.spares(this.#usable(), nowMs);
  }

  #send(path: Path, check: Check, hopLimit?: number): void {
    this.#sendCheck(path.socket, path.remote, this.flowOf(path), check, hopLimit);
  }

  #sendCheck(
    socket: SocketId,
    to: string,
    flowId: FlowId | null,
    check: Check,
    hopLimit: number | undefined,
  ): void {
    if (flowId === null) return;
    const { counter, sealed } = this.#options.cipher.seal(writeCheck(check));
    const datagram = writeCheckDatagram(flowId, counter, sealed);
    const limited = hopLimit === undefined ? {} : { hopLimit };
    this.#outputs.push({ type: 'send', socket, to, datagram, ...limited });
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
    if (this.#exchange.isExposed) this.#outputs.push({ type: 'gather' });
    for (const other of this.#usable()) if (other !== path && other.isProven) this.#ping(other, nowMs);
  }
}

const isOpenButMoving = ({ mapping, filtering }: NatBehaviour): boolean =>
  filtering === 'eif' && (mapping === 'adm' || mapping === 'apdm');

import type { CheckAddress, FlowId } from '@overcall/wire';
import { addressFromBytes, formatAddressPort } from '../ip-address.ts';
import type { NatBehaviour } from '../nat-behaviour.ts';
import type { Candidate } from './candidate.ts';
import { CandidateExchange, type CandidateMessage } from './candidate-exchange.ts';
import { CheckBudget } from './check-budget.ts';
import { DirectPaths, type LocalSocket } from './direct-paths.ts';
import type { FreshSocket } from './foretelling.ts';
import type { GuessOutput } from './guess-situation.ts';
import { Guesser } from './guesser.ts';
import type { Path, SocketId } from './path.ts';
import type { PathAgentOptions, PathOutput } from './path-agent-types.ts';

/**
 * A peer that does not say that it has our candidates is checked all the same after this time, ms, and round trips of
 * the relay: a check that is earlier than what opens the peer's NAT can spoil its mapping.
 */
const OPEN_GRACE_MS = 150;
const OPEN_GRACE_ROUND_TRIPS = 2;
/** Who keeps quiet checks all the same after this time, ms, for the peer may do the same. */
const QUIET_MS = 1500;

/** What the search asks of the agent. */
export interface SearchHost {
  emit(output: PathOutput): void;
  ping(path: Path, nowMs: number): void;
  /** A ping that dies on the way. */
  open(path: Path, nowMs: number): void;
  /** A check to a port by chance. Whoever is hit answers, and sends checks of its own. */
  probe(socket: SocketId, to: string, opens: boolean, nowMs: number): void;
  /** The longest round trip of a relay, ms. */
  relayRttMs(): number;
}

/** Finds direct paths: tells addresses and hears of the peer's, opens our NATs for them, has them checked, guesses ports. */
export class DirectSearch {
  readonly budget = new CheckBudget();
  readonly #receiveFlow: FlowId;
  readonly #mayCheck: (address: string) => boolean;
  readonly #host: SearchHost;
  readonly #direct: DirectPaths;
  readonly #sockets = new Map<SocketId, LocalSocket>();
  readonly #exchange: CandidateExchange;
  readonly #guesser: Guesser;

  constructor({ receiveFlow, mayCheck, random }: PathAgentOptions, host: SearchHost) {
    this.#receiveFlow = receiveFlow;
    this.#mayCheck = mayCheck;
    this.#host = host;
    this.#direct = new DirectPaths(mayCheck);
    this.#exchange = new CandidateExchange(receiveFlow);
    this.#guesser = new Guesser(random);
  }

  get paths(): readonly Path[] {
    return this.#direct.all;
  }

  get deadline(): number {
    return this.#guesser.deadline;
  }

  /** On which the peer listens; null while it has not said. */
  get sendFlow(): FlowId | null {
    return this.#exchange.sendFlow;
  }

  get isExposed(): boolean {
    return this.#exchange.isExposed;
  }

  /** An address of ours that a NAT may change, for the next ping; null where the peer is not to know any. */
  nextReflexive(): CheckAddress | null {
    return this.#exchange.nextReflexive();
  }

  addSocket(socket: LocalSocket, nowMs: number): void {
    this.#sockets.set(socket.id, socket);
    if (this.isExposed) this.#open(this.#direct.pair(this.#sockets.values()), nowMs);
  }

  setCandidates(candidates: readonly Candidate[]): void {
    if (this.#exchange.setLocal(candidates) && this.isExposed) this.#tell();
  }

  setNat(nat: NatBehaviour, nowMs: number): void {
    if (this.#exchange.setNat(nat) && this.isExposed) this.#tell();
    this.guess(nowMs);
  }

  /**
   * Our NAT maps by destination (RFC 4787, 4.1) and lets everyone in (section 5): at the addresses that servers saw, the
   * peer reaches us, and our answers come from there, unless a check of our own has made another port towards it
   * before. So addresses that have not been heard are left alone for a while. One of two such sides has to begin.
   */
  get #isQuiet(): boolean {
    const { localNat, remoteNat, isFirst } = this.#exchange;
    return isOpenButMoving(localNat) && !(isOpenButMoving(remoteNat) && isFirst);
  }

  expose(nowMs: number): void {
    if (this.isExposed) return;
    this.#exchange.expose();
    this.#tell();
    this.#search(nowMs);
  }

  #search(nowMs: number): void {
    this.#openRemote(nowMs);
    this.guess(nowMs);
    this.#checkIfPeerHasAll(nowMs);
  }

  #tell(): void {
    this.#host.emit({ type: 'tell', message: this.#exchange.message() });
  }

  /** What was given up meanwhile is checked anew, from both sides. */
  renew(nowMs: number): void {
    if (!this.isExposed) return;
    for (const path of this.#direct.all) path.beginAnew();
    this.#exchange.renew();
    this.#tell();
    this.#host.emit({ type: 'gather' });
    this.#openRemote(nowMs);
  }

  handleTold(message: CandidateMessage, nowMs: number): void {
    const isNew = this.#exchange.read(message);
    if (!this.isExposed) return;
    if (isNew) {
      this.#tell();
      this.#retryProven(nowMs);
    }
    this.#search(nowMs);
  }

  /** The peer has moved, and may be reached where it was not a moment ago. Only addresses that once answered count. */
  #retryProven(nowMs: number): void {
    for (const path of this.#direct.all) {
      if (!path.isProven || path.unanswered < 2) continue;
      path.unanswered = 0;
      path.beginAnew();
      this.#host.ping(path, nowMs);
    }
  }

  #openRemote(nowMs: number): void {
    if (this.sendFlow === null) return;
    this.#open(this.#direct.name(this.#exchange.remote, this.#sockets.values()), nowMs);
  }

  #checkIfPeerHasAll(nowMs: number): void {
    if (this.sendFlow === null || !this.#exchange.peerHasAll || this.#isQuiet) return;
    // It has sent its own first datagrams by now, so ours will find its NATs open.
    for (const path of this.#direct.all) {
      if (path.unanswered === 0 && !path.isProven) this.#host.ping(path, nowMs);
    }
  }

  /** Opens our NATs for answers from there, with datagrams that do not arrive; the checks follow. */
  #open(paths: readonly Path[], nowMs: number): void {
    const graceMs = Math.max(OPEN_GRACE_MS, OPEN_GRACE_ROUND_TRIPS * this.#host.relayRttMs());
    for (const path of paths) {
      if (this.#isQuiet) {
        path.nextPingAtMs = nowMs + QUIET_MS;
        continue;
      }
      if (this.budget.takeOpening(path.remote)) this.#host.open(path, nowMs);
      path.nextPingAtMs = nowMs + graceMs;
    }
  }

  /** The path that something authentic came on; null when there can be none. */
  hear(flow: FlowId, socket: SocketId, from: string, nowMs: number): Path | null {
    const isOurs = this.#sockets.has(socket) || this.#guesser.owns(socket);
    if (flow !== this.#receiveFlow || !this.isExposed || !isOurs) return null;
    return this.#direct.learn(socket, from, nowMs);
  }

  find(socket: SocketId, from: string): Path | null {
    return this.#direct.find(socket, from) ?? null;
  }

  /** The peer is somewhere new, and its supernode may not have been able to tell. */
  nameAlso({ address, port }: CheckAddress, nowMs: number): void {
    const ip = addressFromBytes(address);
    if (ip === null || this.sendFlow === null || !this.isExposed) return;
    const remote = formatAddressPort({ address: ip, port });
    this.#open(this.#direct.nameAlso(remote, this.#sockets.values()), nowMs);
  }

  /** The peer was heard over a relay for the first time. */
  notePeerBound(nowMs: number): void {
    this.#guesser.notePeerBound(nowMs);
  }

  /** A check has arrived from an address that has not answered yet. */
  noteHit(nowMs: number): void {
    this.#guesser.noteHit(nowMs);
  }

  /** Whether it may be checked now: an address that never answered is not for long. */
  mayPing(path: Path): boolean {
    if (path.isProven) return true;
    // The peer may hit the port of ordinary checks as well as one that was opened for it: it stops guessing then.
    if (path.heardAtMs === null && this.#guesser.replaces(path.socket, path.remote)) return false;
    return this.budget.takeCheck(path.remote);
  }

  /** It has stopped answering for good. */
  forget(path: Path, nowMs: number): void {
    this.#direct.remove(path);
    this.guess(nowMs);
  }

  handleOpened(sockets: readonly FreshSocket[], nowMs: number): void {
    this.#guesser.handleOpened(sockets, nowMs);
    this.guess(nowMs);
  }

  handleMeasured(mapped: string, nowMs: number): void {
    this.#guesser.handleMeasured(mapped, nowMs);
    this.guess(nowMs);
  }

  handleConfirmed(address: string, isConfirmed: boolean, nowMs: number): void {
    this.#guesser.handleConfirmed(address, isConfirmed, nowMs);
    this.guess(nowMs);
  }

  handleTimeout(nowMs: number): void {
    if (nowMs < this.#guesser.deadline) return;
    this.#guesser.handleTimeout(nowMs);
    this.guess(nowMs);
  }

  /** Ports that nobody can know are guessed as long as there is no direct path. */
  guess(nowMs: number): void {
    const mainSocket = [...this.#sockets.values()].find(({ family }) => family === 'ipv4')?.id;
    const situation = mainSocket === undefined ? null : this.#exchange.situation(mainSocket);
    if (situation !== null) {
      const proven = this.#direct.all.filter(({ isProven }) => isProven);
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
      case 'probe': {
        const { socket, to, opens } = output;
        if (this.#mayCheck(to) && (opens || this.budget.takeCheck(to)))
          this.#host.probe(socket, to, opens, nowMs);
        break;
      }
      case 'close-sockets':
        this.#direct.removeSockets(output.sockets);
        this.#host.emit(output);
        break;
      default:
        this.#host.emit(output);
    }
  }
}

const isOpenButMoving = ({ mapping, filtering }: NatBehaviour): boolean =>
  filtering === 'eif' && (mapping === 'adm' || mapping === 'apdm');

import type { Check, Ping, Pong } from '@overcall/wire';
import { checkAddressOf } from './candidate-exchange.ts';
import type { Checks } from './checks.ts';
import { nextCheckAt } from './direct-paths.ts';
import type { DirectSearch } from './direct-search.ts';
import type { KnownPaths } from './known-paths.ts';
import type { Path, SocketId } from './path.ts';
import type { PathOutput } from './path-agent-types.ts';
import { FORGET_AFTER_UNANSWERED, PING_WARM_MS, pingInterval } from './ping-times.ts';
import type { Selection } from './selection.ts';

/** What the agent knows of the audio. */
export interface AudioState {
  /** It flows in both directions. */
  isTalking: boolean;
  /** Of what arrives. */
  jitterMs: number;
}

export interface PingerOptions {
  checks: Checks;
  known: KnownPaths;
  search: DirectSearch;
  selection: Selection;
  audio: Readonly<AudioState>;
  emit(output: PathOutput): void;
}

/** Asks the peer over each path, when it is time, whether it is there, and takes and gives answers. */
export class Pinger {
  /** Pongs that answer no ping of ours, or come from elsewhere. */
  strayPongs = 0;
  readonly #options: PingerOptions;

  constructor(options: PingerOptions) {
    this.#options = options;
  }

  ping(path: Path, nowMs: number): void {
    const { known, search } = this.#options;
    // Without a flow: until the peer says on which one it listens.
    if (known.flowOf(path) === null || !search.mayPing(path)) {
      path.nextPingAtMs = Number.POSITIVE_INFINITY;
      return;
    }
    this.#send(path, this.#pingOf(path, nowMs));
    path.unanswered++;
    path.unansweredSinceMs ??= nowMs;
    path.nextPingAtMs = path.isProven ? nowMs + this.#interval(path, nowMs) : nextCheckAt(path, nowMs);
  }

  /** When it is due; a direct path that does not answer any more is given up. */
  pingIfDue(path: Path, nowMs: number): void {
    const { search, selection } = this.#options;
    if (nowMs < path.nextPingAtMs) return;
    const isSilent = path.isDirect && path.isProven && path.unanswered >= FORGET_AFTER_UNANSWERED;
    if (!isSilent) this.ping(path, nowMs);
    else if (path === selection.current) path.nextPingAtMs = nowMs + PING_WARM_MS;
    else search.forget(path, nowMs);
  }

  /** No later than its place among the paths asks for by now. */
  hurry(path: Path, nowMs: number): void {
    path.nextPingAtMs = Math.min(path.nextPingAtMs, nowMs + this.#interval(path, nowMs));
  }

  /** A ping that dies on the way: it opens our NATs. */
  open(path: Path, nowMs: number): void {
    this.#send(path, this.#pingOf(path, nowMs), true);
  }

  /** One to an address that is no path; `opens`: which must not arrive there. */
  probe(socket: SocketId, to: string, opens: boolean, nowMs: number): void {
    const { checks, search, emit } = this.#options;
    const flow = search.sendFlow;
    if (flow === null) return;
    const check = opens ? checks.opening() : checks.probe(socket, to, nowMs);
    emit(checks.write(check, { socket, to, flow, opens }));
  }

  #pingOf(path: Path, nowMs: number): Ping {
    const { checks, search, selection, audio } = this.#options;
    return checks.ping(path, nowMs, {
      misses: audio.isTalking && selection.suspicion.misses(audio.jitterMs, nowMs),
      reflexive: search.nextReflexive(),
    });
  }

  #interval(path: Path, nowMs: number): number {
    const { selection, known, audio } = this.#options;
    const { all: paths, usable } = known;
    return pingInterval(path, { selection, isTalking: audio.isTalking, paths, usable, nowMs });
  }

  #send(path: Path, check: Check, opens = false): void {
    const { checks, known, emit } = this.#options;
    const flow = known.flowOf(path);
    const { socket, remote: to } = path;
    if (flow !== null) emit(checks.write(check, { socket, to, flow, opens }));
  }

  /** Answers the peer's ping. */
  handlePing(path: Path, ping: Ping, from: string, nowMs: number): void {
    const { search, selection } = this.#options;
    // A peer may lie about where it is: an address that never answered is not talked to for long.
    if (!path.isProven && !search.budget.takePong(path.remote)) return;
    this.#send(path, {
      kind: 'pong',
      token: ping.token,
      receivedPackets: path.receivedPackets,
      seen: path.isDirect ? checkAddressOf(from) : null,
    });
    if (ping.reflexive !== null) search.nameAlso(ping.reflexive, nowMs);
    if (!path.isProven) search.noteHit(nowMs);
    // It reached us from there, so we may well reach it there: at once, whatever the schedule says.
    const isWorthIt = path.isProven ? path.unanswered >= 2 : search.budget.mayCheck(path.remote);
    if (isWorthIt && path !== selection.current) this.ping(path, nowMs);
  }

  handlePong(path: Path, pong: Pong, nowMs: number): void {
    const { checks, search, selection } = this.#options;
    const ping = checks.take(pong.token, path);
    if (ping === null) {
      this.strayPongs++;
      return;
    }
    const isNew = !path.isProven;
    path.noteAnswer(ping.sentAtMs, nowMs, ping.number);
    search.budget.renew(path.remote);
    path.noteSeenAs(pong.seen && `${pong.seen.address} ${pong.seen.port}`);
    path.noteRtt(nowMs - ping.sentAtMs);
    path.noteOutgoing(ping.sentPackets, pong.receivedPackets, nowMs);
    const nextPingAtMs = nowMs + this.#interval(path, nowMs);
    // An old answer does not put off what a suspected path is asked.
    const isAsked = path === selection.current && selection.isSuspected;
    path.nextPingAtMs = isAsked ? Math.min(path.nextPingAtMs, nextPingAtMs) : nextPingAtMs;
    selection.noteAnswered(path, ping, nowMs);
    if (isNew && path.isDirect) search.guess(nowMs);
  }
}

import { type Candidate, type Family, familyOf, MAX_REMOTE_CANDIDATES } from './candidate.ts';
import { Path, pathKey, type SocketId } from './path.ts';

/** Time from one check of an address to the next while it has not answered, ms: dense at first, for both sides begin at about the same time. */
const CHECK_INTERVALS_MS = [20, 30, 50, 100, 200, 300, 500, 800, 1000];
/** Addresses that a peer may name during a call, one after the other: enough for a phone that moves all day. */
const MAX_NAMED_EVER = 256;
/** Addresses learned from authentic datagrams that nobody announced; the peer's NAT makes a few. */
const MAX_LEARNED = 16;
/** One of them that never answered makes way for another after this time, ms: an answer may take as long. */
const LEARNED_FOR_MS = 1000;
/** And so many during a call: a peer that fakes where it is gets no more out of us than by naming addresses. */
const MAX_LEARNED_EVER = 256;

export interface LocalSocket {
  id: SocketId;
  family: Family;
}

/** The direct paths: each of our sockets with each address of the peer that may be checked. */
export class DirectPaths {
  readonly #mayCheck: (address: string) => boolean;
  readonly #byKey = new Map<string, Path>();
  /** Null when it is to be made anew: it is asked for several times with each packet. */
  #all: readonly Path[] | null = null;
  /** Addresses that are ours to check because the peer named them. */
  readonly #named = new Set<string>();
  #namedEver = 0;
  #learnedEver = 0;
  readonly #learned: { path: Path; sinceMs: number }[] = [];
  /** Addresses that the peer named and that may not be checked. */
  refused = 0;

  constructor(mayCheck: (address: string) => boolean) {
    this.#mayCheck = mayCheck;
  }

  /** The same list as before while they are the same. */
  get all(): readonly Path[] {
    this.#all ??= [...this.#byKey.values()];
    return this.#all;
  }

  find(socket: SocketId, remote: string): Path | undefined {
    return this.#byKey.get(pathKey(socket, remote));
  }

  /** All that the peer says about itself now. Returns the paths that are new. */
  name(candidates: readonly Candidate[], sockets: Iterable<LocalSocket>): Path[] {
    this.#forgetUnnamed(candidates);
    for (const { address } of candidates) this.#nameOne(address);
    return this.pair(sockets);
  }

  /** One more address, besides those that were named. Returns the paths that are new. */
  nameAlso(address: string, sockets: Iterable<LocalSocket>): Path[] {
    if (this.#named.has(address)) return [];
    this.#nameOne(address);
    return this.pair(sockets);
  }

  #nameOne(address: string): void {
    if (this.#named.has(address)) return;
    const isFull = this.#named.size >= MAX_REMOTE_CANDIDATES || this.#namedEver >= MAX_NAMED_EVER;
    if (isFull || !this.#mayCheck(address)) {
      this.refused++;
      return;
    }
    this.#named.add(address);
    this.#namedEver++;
  }

  /** Addresses that the peer has given up make room, but are remembered while their checks are counted. */
  #forgetUnnamed(candidates: readonly Candidate[]): void {
    for (const address of this.#named)
      if (!candidates.some((candidate) => candidate.address === address)) this.#named.delete(address);
  }

  /** Pairs every named address with every socket of its family. Returns the paths that are new. */
  pair(sockets: Iterable<LocalSocket>): Path[] {
    const made: Path[] = [];
    for (const { id, family } of sockets) {
      for (const remote of this.#named) {
        if (familyOf(remote) !== family || this.find(id, remote) !== undefined) continue;
        made.push(this.#make(id, remote));
      }
    }
    return made;
  }

  /** One address from one socket: a port that was guessed. Null when it is known already, or may not be checked. */
  add(socket: SocketId, remote: string): Path | null {
    if (this.find(socket, remote) !== undefined) return null;
    if (!this.#mayCheck(remote) || this.#namedEver >= MAX_NAMED_EVER) {
      this.refused++;
      return null;
    }
    this.#namedEver++;
    return this.#make(socket, remote);
  }

  /** An authentic datagram came from there, whoever named it. Null when that address may not be answered. */
  learn(socket: SocketId, remote: string, nowMs: number): Path | null {
    const known = this.find(socket, remote);
    if (known !== undefined) return known;
    if (!this.#mayCheck(remote) || this.#learnedEver >= MAX_LEARNED_EVER || !this.#makeRoom(nowMs)) {
      this.refused++;
      return null;
    }
    const path = this.#make(socket, remote);
    this.#learned.push({ path, sinceMs: nowMs });
    this.#learnedEver++;
    return path;
  }

  /** Whether one more fits: the oldest that never answered makes way, but none that may carry the call. */
  #makeRoom(nowMs: number): boolean {
    if (this.#learned.length < MAX_LEARNED) return true;
    const old = this.#learned.find(
      ({ path, sinceMs }) => !path.isProven && nowMs >= sinceMs + LEARNED_FOR_MS,
    );
    if (old === undefined) return false;
    this.remove(old.path);
    return true;
  }

  #make(socket: SocketId, remote: string): Path {
    const path = new Path({ kind: 'direct', flow: null, socket, remote, via: [] });
    this.#byKey.set(path.key, path);
    this.#all = null;
    return path;
  }

  /** Those sockets are closed. */
  removeSockets(sockets: readonly SocketId[]): void {
    for (const path of this.all) if (sockets.includes(path.socket)) this.remove(path);
  }

  remove(path: Path): void {
    this.#byKey.delete(path.key);
    this.#all = null;
    const at = this.#learned.findIndex((learned) => learned.path === path);
    if (at >= 0) this.#learned.splice(at, 1);
  }
}

/** When to check an address again that has never answered. */
export const nextCheckAt = (path: Path, nowMs: number): number =>
  nowMs + CHECK_INTERVALS_MS[Math.min(path.unanswered, CHECK_INTERVALS_MS.length) - 1]!;

import type { KeyId } from '@overcall/identity';
import { type RouteKnowledge, RoutePlanner } from '@overcall/overlay';
import type { FlowId } from '@overcall/wire';
import type { Route } from './call-types.ts';
import { defaultRoutes, WANTED_ROUTES, wayName } from './default-routes.ts';

/** A way that was offered has so long to come up, ms: both ends may have to attach somewhere first. */
const COME_UP_MS = 4000;
/** A way that has fallen silent stays for so long beside its replacement, ms: it may have been our own network. */
const DOUBT_MS = 8000;
/** One over a supernode that is about to stop, so long, ms: that what is under way arrives. */
const LEAVE_MS = 1000;
/** A way that failed, and a supernode that seems dead, are left alone for so long, ms. */
const SHUN_MS = 30_000;
/** Changes come in crowds: so long after the first of them, ms, something else is offered. */
const GATHER_MS = 50;
/** With measurements it is looked this often, ms, whether other ways would be better. */
const REVIEW_MS = 2000;
/** Ways at once, those in doubt included. */
const MAX_WAYS = 6;
/** Supernodes and ways that are remembered as failed. */
const MAX_REMEMBERED = 64;

export interface RouteChoiceOptions {
  /** Where we are attached and where the callee is, best first. */
  mine: readonly KeyId[];
  theirs: readonly KeyId[];
  /** Others of the list, in the order in which they may serve as a reserve. */
  others: readonly KeyId[];
  /** Whether this side may show its address to supernodes that others have chosen. */
  mayAttach: boolean;
  /** Ways wanted. */
  count?: number;
}

interface OfferedWay {
  hops: readonly KeyId[];
  offeredAtMs: number;
  /** As soon as both sides have agreed on it. */
  flow: FlowId | null;
  /** Null before the peer has been heard on it. */
  isUp: boolean | null;
  /** Since when nothing comes this way any more, or a supernode on it is gone. */
  doubtedSinceMs: number | null;
}

/**
 * The caller's part in choosing routes for one leg: which ways are offered, and which others when one fails or a supernode
 * dies. What is best is said by measurement (`RoutePlanner`), as far as there is any, else by `defaultRoutes`.
 *
 * Pure: `handle...` and the setters say what has happened, `offers` what follows once `deadline` is there.
 */
export class RouteChoice {
  deadline = Number.POSITIVE_INFINITY;
  readonly #count: number;
  readonly #others: readonly KeyId[];
  #mine: readonly KeyId[];
  #theirs: readonly KeyId[];
  #mayAttach: boolean;
  #ways: OfferedWay[] = [];
  readonly #shunned = new Map<KeyId, number>();
  /** Supernodes that said they stop, or do not relay: no doubt about these. */
  readonly #leaving = new Map<KeyId, number>();
  readonly #refused = new Map<string, number>();
  /** Null while nothing has been measured. */
  #planner: RoutePlanner | null = null;

  constructor({ mine, theirs, others, mayAttach, count = WANTED_ROUTES }: RouteChoiceOptions) {
    this.#mine = mine;
    this.#theirs = theirs;
    this.#others = others;
    this.#mayAttach = mayAttach;
    this.#count = count;
  }

  /** Both sides have agreed on it; the one that went with the invite was never offered. */
  handleOpened({ hops, receiveFlow: flow }: Route, nowMs: number): void {
    const known = this.#ways.find((way) => wayName(way.hops) === wayName(hops));
    if (known !== undefined) known.flow = flow;
    else this.#ways.push({ hops, offeredAtMs: nowMs, flow, isUp: null, doubtedSinceMs: null });
    this.#soon(nowMs);
  }

  /** The callee has given it up, or we cannot have it. */
  handleGone(flow: FlowId, nowMs: number): void {
    const way = this.#byFlow(flow);
    if (way === undefined) return;
    this.#ways = this.#ways.filter((one) => one !== way);
    this.#remember(this.#refused, wayName(way.hops), nowMs);
    this.#soon(nowMs);
  }

  /** The peer is heard that way, or has stopped to be. */
  handleUp(flow: FlowId, isUp: boolean, nowMs: number): void {
    const way = this.#byFlow(flow);
    if (way === undefined) return;
    way.isUp = isUp;
    if (isUp) for (const hop of way.hops) this.#welcome(hop);
    this.#soon(nowMs);
  }

  #byFlow(flow: FlowId): OfferedWay | undefined {
    return this.#ways.find((way) => way.flow === flow);
  }

  /** Where we are attached from now on. What we have left without meaning to is gone, or about to go. */
  setMine(mine: readonly KeyId[], lost: readonly KeyId[], nowMs: number): void {
    this.#mine = mine;
    for (const supernode of lost) this.#remember(this.#shunned, supernode, nowMs);
    for (const supernode of mine) if (!lost.includes(supernode)) this.#welcome(supernode);
    this.#soon(nowMs);
  }

  /** This supernode is about to stop, or does not relay: its ways are given up once others work. */
  handleGoingAway(supernode: KeyId, nowMs: number): void {
    this.#remember(this.#shunned, supernode, nowMs);
    this.#remember(this.#leaving, supernode, nowMs);
    this.#soon(nowMs);
  }

  #welcome(supernode: KeyId): void {
    if (!this.#leaving.has(supernode)) this.#shunned.delete(supernode);
  }

  /** Where the callee says that it is. A supernode that it has left, at its end of a way, may be gone. */
  setTheirs(theirs: readonly KeyId[], nowMs: number): void {
    const left = this.#theirs.filter((supernode) => !theirs.includes(supernode));
    this.#theirs = theirs;
    for (const supernode of left)
      if (!this.#mine.includes(supernode)) this.#remember(this.#shunned, supernode, nowMs);
    this.#soon(nowMs);
  }

  setMayAttach(mayAttach: boolean, nowMs: number): void {
    this.#mayAttach = mayAttach;
    this.#soon(nowMs);
  }

  #remember(map: Map<string, number>, key: string, nowMs: number): void {
    map.delete(key);
    map.set(key, nowMs + SHUN_MS);
    if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value!);
  }

  #soon(nowMs: number): void {
    this.deadline = Math.min(this.deadline, nowMs + GATHER_MS);
  }

  /** What is known of the supernodes between the two, from now on. */
  setKnowledge(known: RouteKnowledge, nowMs: number): void {
    this.#planner ??= new RoutePlanner();
    this.#planner.learn(known);
    this.#soon(nowMs);
  }

  /** What the call has measured on a way since the last time. */
  handleMeasured(
    flow: FlowId,
    traffic: { sent: number; lost: number; rttMs: number | null },
    nowMs: number,
  ): void {
    const way = this.#byFlow(flow);
    if (way !== undefined) this.#planner?.noteTraffic(way.hops, traffic, nowMs);
  }

  /** What is offered from now on, best first; also before the deadline. */
  offers(nowMs: number): KeyId[][] {
    for (const map of [this.#shunned, this.#leaving, this.#refused])
      for (const [key, untilMs] of map) if (nowMs >= untilMs) map.delete(key);
    this.#doubt(nowMs);
    this.#dropLate(nowMs);
    const doubted = this.#ways.filter(({ doubtedSinceMs }) => doubtedSinceMs !== null);
    const chosen = this.#choose(doubted, nowMs);
    const names = new Set(chosen.map(wayName));
    // What works stays until all that is to take its place works, too.
    const isReady =
      this.#ways.filter((way) => names.has(wayName(way.hops)) && isWell(way)).length === chosen.length;
    const kept = this.#ways
      .filter((way) => !names.has(wayName(way.hops)) && (doubted.includes(way) || (isWell(way) && !isReady)))
      .map(({ hops }) => hops);
    this.#ways = [...chosen, ...kept].slice(0, MAX_WAYS).map((hops) => {
      const known = this.#ways.find((way) => wayName(way.hops) === wayName(hops));
      return known ?? { hops, offeredAtMs: nowMs, flow: null, isUp: null, doubtedSinceMs: null };
    });
    this.deadline = this.#nextDeadline(nowMs);
    return this.#ways.map(({ hops }) => [...hops]);
  }

  /** What does not come up in time is doubted, too, when another way has: it may only be late, and stays beside its replacement. */
  #doubt(nowMs: number): void {
    const isAnyWell = this.#ways.some(isWell);
    for (const way of this.#ways) {
      const isLate = isAnyWell && way.isUp === null && nowMs >= way.offeredAtMs + COME_UP_MS;
      const isDoubtful = isLate || way.isUp === false || way.hops.some((hop) => this.#shunned.has(hop));
      way.doubtedSinceMs = isDoubtful ? (way.doubtedSinceMs ?? nowMs) : null;
    }
  }

  /** What was doubted and given its time is left alone: when another way works. */
  #dropLate(nowMs: number): void {
    if (!this.#ways.some(isWell)) return;
    const late = this.#ways.filter((way) => nowMs >= this.#dropAtMs(way));
    for (const { hops } of late) this.#remember(this.#refused, wayName(hops), nowMs);
    this.#ways = this.#ways.filter((way) => !late.includes(way));
  }

  #choose(doubted: readonly OfferedWay[], nowMs: number): KeyId[][] {
    const shunned = new Set(this.#shunned.keys());
    // With nothing that works it may well be our own network, and then every supernode looks dead.
    const isBlind = !this.#ways.some(isWell);
    // One that is on another way, which works, is not what is wrong with this one.
    const works = new Set(this.#ways.filter(isWell).flatMap(({ hops }) => hops));
    if (!isBlind)
      for (const { hops } of doubted) for (const hop of hops) if (!works.has(hop)) shunned.add(hop);
    return defaultRoutes({
      mine: this.#mine,
      theirs: this.#theirs,
      planned: this.#plan(shunned, nowMs),
      // Those that work before those that may.
      current: this.#ways
        .filter((way) => !doubted.includes(way))
        .sort((a, b) => Number(isWell(b)) - Number(isWell(a)))
        .map(({ hops }) => hops),
      shunned,
      refused: new Set(this.#refused.keys()),
      mayAttach: this.#mayAttach,
      others: this.#others,
      count: this.#count,
    });
  }

  #plan(shunned: ReadonlySet<KeyId>, nowMs: number): KeyId[][] {
    const mayUse = ({ hops }: { hops: readonly KeyId[] }) =>
      (this.#mayAttach || this.#mine.includes(hops[0]!)) &&
      !hops.some((hop) => shunned.has(hop)) &&
      !this.#refused.has(wayName(hops));
    return this.#planner?.plan(nowMs, this.#count, mayUse) ?? [];
  }

  #dropAtMs({ hops, isUp, offeredAtMs, doubtedSinceMs }: OfferedWay): number {
    if (doubtedSinceMs === null) return isUp === null ? offeredAtMs + COME_UP_MS : Number.POSITIVE_INFINITY;
    return doubtedSinceMs + (hops.some((hop) => this.#leaving.has(hop)) ? LEAVE_MS : DOUBT_MS);
  }

  #nextDeadline(nowMs: number): number {
    const review = this.#planner === null ? [] : [nowMs + REVIEW_MS];
    const deadlines = this.#ways.some(isWell) ? this.#ways.map((way) => this.#dropAtMs(way)) : [];
    // What is left alone now may serve later, if there is not enough.
    if (this.#ways.length < this.#count) deadlines.push(...this.#shunned.values(), ...this.#refused.values());
    return Math.min(Number.POSITIVE_INFINITY, ...deadlines, ...review);
  }
}

function isWell({ isUp, doubtedSinceMs }: OfferedWay): boolean {
  return isUp === true && doubtedSinceMs === null;
}

import type { KeyId } from '@overcall/identity';
import {
  isDisjoint,
  type RankedRoute,
  type RouteKnowledge,
  rankRoutes,
  routeKey,
  scoreOfRoute,
} from './rank-routes.ts';

/**
 * Which ways over supernodes the caller of one call offers: the best, a spare on other supernodes, a reserve on others
 * again. What the call measures on a way counts more than what was foretold of it, so ways that turn out worse give way
 * to the next in rank. Pure: `note...` what happens, `plan` when it is time.
 */

/** A way stays on offer at least this long, ms: binding and measuring it take a second or two. */
const TRIED_FOR_MS = 3000;
const TRIED_BONUS = 1000;
/** Being on other supernodes than those chosen before outweighs any quality. */
const APART_BONUS = 10_000;
/** Another way must be better by so many points of R to take a place. */
const BETTER_BY = 2;
/** What was foretold of a way counts as so many packets of it. */
const FORETOLD_PACKETS = 100;
/** Packets are counted over about this time, ms: half of the count is forgotten each time it is over. */
const WINDOW_MS = 10_000;
/** Ways whose packets are remembered: those used last. */
const MAX_REMEMBERED = 64;

interface Experience {
  sent: number;
  lost: number;
  rttMs: number | null;
  countedAtMs: number;
}

export class RoutePlanner {
  /** Every way that is known, as it was foretold, best first. */
  #ranked: RankedRoute[] = [];
  readonly #offeredAtMs = new Map<string, number>();
  readonly #experience = new Map<string, Experience>();

  /** What is known now takes the place of what was. */
  learn(known: RouteKnowledge): void {
    this.#ranked = rankRoutes(known);
  }

  /** Packets of the call on a way since the last time, both directions together, and its round trip. */
  noteTraffic(
    hops: readonly KeyId[],
    traffic: { sent: number; lost: number; rttMs: number | null },
    nowMs: number,
  ): void {
    const key = routeKey(hops);
    const before = this.#experience.get(key) ?? { sent: 0, lost: 0, rttMs: null, countedAtMs: nowMs };
    const isOver = nowMs >= before.countedAtMs + WINDOW_MS;
    const share = isOver ? 0.5 : 1;
    this.#experience.delete(key);
    if (this.#experience.size >= MAX_REMEMBERED)
      this.#experience.delete(this.#experience.keys().next().value!);
    this.#experience.set(key, {
      sent: before.sent * share + traffic.sent,
      lost: before.lost * share + traffic.lost,
      rttMs: traffic.rttMs ?? before.rttMs,
      countedAtMs: isOver ? nowMs : before.countedAtMs,
    });
  }

  /**
   * The ways to offer now, best first: the best, a spare, a reserve.
   * @param mayUse leaves out what has failed or is not wanted
   */
  plan(nowMs: number, count: number, mayUse: (route: RankedRoute) => boolean = () => true): KeyId[][] {
    const chosen: RankedRoute[] = [];
    for (let place = 0; place < count; place++) {
      const next = this.#choose(chosen, mayUse, nowMs);
      if (next !== null) chosen.push(next);
    }
    const keys = chosen.map(({ hops }) => routeKey(hops));
    for (const key of [...this.#offeredAtMs.keys()]) if (!keys.includes(key)) this.#offeredAtMs.delete(key);
    for (const key of keys) if (!this.#offeredAtMs.has(key)) this.#offeredAtMs.set(key, nowMs);
    return chosen.map(({ hops }) => [...hops]);
  }

  /** What was foretold counts as some packets of it. */
  #asExperienced(route: RankedRoute): RankedRoute {
    const seen = this.#experience.get(routeKey(route.hops));
    if (seen === undefined) return route;
    // One standard deviation less (Poisson): a packet or two lost by chance say little.
    const surelyLost = seen.lost - Math.sqrt(seen.lost);
    const lost = surelyLost + (route.lossPct / 100) * FORETOLD_PACKETS;
    const whole = {
      rttMs: seen.rttMs ?? route.rttMs,
      lossPct: (100 * lost) / (seen.sent + FORETOLD_PACKETS),
    };
    return { hops: route.hops, ...whole, score: scoreOfRoute(whole, route.hops.length) };
  }

  /** The best that shares no supernode with those chosen before, else the best other one; what is offered has a head start. */
  #choose(
    chosen: readonly RankedRoute[],
    mayUse: (route: RankedRoute) => boolean,
    nowMs: number,
  ): RankedRoute | null {
    let best: RankedRoute | null = null;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const foretold of this.#ranked) {
      const isApart = chosen.every(({ hops }) => isDisjoint(foretold.hops, hops));
      const isTaken = !isApart && chosen.some(({ hops }) => routeKey(hops) === routeKey(foretold.hops));
      if (isTaken || !mayUse(foretold)) continue;
      const route = this.#asExperienced(foretold);
      const score = route.score + this.#headStart(route, nowMs) + (isApart ? APART_BONUS : 0);
      if (score > bestScore) [best, bestScore] = [route, score];
    }
    return best;
  }

  #headStart({ hops }: RankedRoute, nowMs: number): number {
    const offeredAtMs = this.#offeredAtMs.get(routeKey(hops));
    if (offeredAtMs === undefined) return 0;
    return nowMs < offeredAtMs + TRIED_FOR_MS ? TRIED_BONUS : BETTER_BY;
  }
}

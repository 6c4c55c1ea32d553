import {
  type RouteKnowledge,
  RoutePlanner,
  rankRoutes,
  routeKey,
  type Stretch,
  scoreOfRoute,
} from '@overcall/overlay';
import { ratePath } from '@overcall/quality';
import { Random } from './random.ts';

/**
 * A call between two hosts in a random network of supernodes: what the route planner makes of measurements as they are to be
 * had (few, noisy), against the best way that there is.
 */

const SIDE_MS = 100;
/** Real routes take detours of their own: this is why a way over two supernodes can be shorter. */
const LEAST_DETOUR = 1;
const MOST_DETOUR = 2.5;
const LEAST_MS = 2;
/** Share of stretches that lose packets, percent, and how many of these. */
const LOSSY_STRETCHES_PCT = 25;
const MOST_LOSS_PCT = 6;
/** What a supernode has sent to each neighbour when the call begins, and a softphone to each supernode. */
const LINK_PROBES = 200;
const NEAR_PROBES = 5;
/** A call is 50 packets a second each way; pings of the ways that carry none: one a second, then one in 5 s. */
const PACKETS_PER_S = 100;
const PINGS_PER_S = [2, 0.4];
/** IP, UDP, a check and its answer, in one direction: 2 packets of 28 + 57 bytes. */
const PING_BITS = 2 * (28 + 57) * 8;
/** A path is left for one that is better by so much: selection.ts in traversal. */
const BETTER_BY = 4;
const WANTED_ROUTES = 3;

export interface RouteRun {
  /** R of the best way there is, and of the one in use at the end. */
  bestR: number;
  usedR: number;
  /** Of the supernode that answers the caller soonest, which is what most systems take. */
  nearestR: number;
  /** Of pings over ways that carry no audio, in one direction. */
  probeKbps: number;
  offers: number;
}

interface Truth extends RouteKnowledge {
  supernodes: string[];
}

function randomTruth(random: Random, count: number): Truth {
  const place = () => ({ x: random.fraction() * SIDE_MS, y: random.fraction() * SIDE_MS });
  const stretchOf = (a: { x: number; y: number }, b: { x: number; y: number }): Stretch => {
    const detour = LEAST_DETOUR + random.fraction() ** 2 * (MOST_DETOUR - LEAST_DETOUR);
    const lossPct = random.happens(LOSSY_STRETCHES_PCT) ? random.fraction() * MOST_LOSS_PCT : 0;
    return { rttMs: LEAST_MS + Math.hypot(a.x - b.x, a.y - b.y) * detour, lossPct };
  };
  const supernodes = Array.from({ length: count }, (_, index) => `s${index}`);
  const places = new Map(supernodes.map((name) => [name, place()]));
  const near = (at: { x: number; y: number }) =>
    new Map(supernodes.map((name) => [name, stretchOf(at, places.get(name)!)]));
  const links = new Map<string, Stretch>();
  for (const [i, one] of supernodes.entries())
    for (const other of supernodes.slice(i + 1)) {
      const stretch = stretchOf(places.get(one)!, places.get(other)!);
      links.set(routeKey([one, other]), stretch).set(routeKey([other, one]), stretch);
    }
  return {
    supernodes,
    caller: near(place()),
    callee: near(place()),
    between: (one, other) => links.get(routeKey([one, other])) ?? null,
  };
}

function lostOf(random: Random, packets: number, lossPct: number): number {
  let lost = 0;
  for (let i = 0; i < packets; i++) if (random.happens(lossPct)) lost++;
  return lost;
}

/** What a stretch looks like after so many probes. */
function measured(random: Random, { rttMs, lossPct }: Stretch, probes: number): Stretch {
  const noise = 1 + (random.fraction() - 0.3) * 0.1;
  return { rttMs: rttMs * noise, lossPct: (100 * lostOf(random, probes, lossPct)) / probes };
}

function measuredTruth(random: Random, truth: Truth): RouteKnowledge {
  const near = (stretches: ReadonlyMap<string, Stretch>) =>
    new Map([...stretches].map(([name, stretch]) => [name, measured(random, stretch, NEAR_PROBES)]));
  const links = new Map<string, Stretch>();
  const between = (one: string, other: string): Stretch | null => {
    const key = routeKey([one, other].sort());
    const known = links.get(key) ?? measured(random, truth.between(one, other)!, LINK_PROBES);
    links.set(key, known);
    return known;
  };
  return { caller: near(truth.caller), callee: near(truth.callee), between };
}

/** Plays a call of so many seconds over `count` supernodes. */
export function playRoutes(seed: number, count = 12, seconds = 30): RouteRun {
  const random = new Random(seed);
  const truth = randomTruth(random, count);
  const planner = new RoutePlanner();
  planner.learn(measuredTruth(random, truth));
  const trueWays = new Map(rankRoutes(truth).map((route) => [routeKey(route.hops), route]));
  let inUse: string[] = [];
  let pings = 0;
  const offered = new Set<string>();
  const seen = new Map<string, { sent: number; lost: number }>();
  for (let second = 0; second < seconds; second++) {
    const offers = planner.plan(second * 1000, WANTED_ROUTES);
    for (const hops of offers) offered.add(routeKey(hops));
    const scoreOf = (hops: readonly string[]) => {
      const { rttMs } = trueWays.get(routeKey(hops))!;
      const { sent, lost } = seen.get(routeKey(hops)) ?? { sent: 0, lost: 0 };
      return scoreOfRoute({ rttMs, lossPct: sent === 0 ? 0 : (100 * lost) / sent }, hops.length);
    };
    const stays = offers.some((hops) => routeKey(hops) === routeKey(inUse));
    const best = offers.reduce((a, b) => (scoreOf(b) > scoreOf(a) ? b : a));
    if (!stays || scoreOf(best) > scoreOf(inUse) + BETTER_BY) inUse = best;
    let spares = 0;
    for (const hops of offers) {
      const isUsed = routeKey(hops) === routeKey(inUse);
      const packets = isUsed ? PACKETS_PER_S : PINGS_PER_S[Math.min(spares++, PINGS_PER_S.length - 1)]!;
      if (!isUsed) pings += packets / 2;
      const { rttMs, lossPct } = trueWays.get(routeKey(hops))!;
      const whole = Math.floor(packets) + (random.fraction() < packets % 1 ? 1 : 0);
      const lost = lostOf(random, whole, lossPct);
      planner.noteTraffic(hops, { sent: whole, lost, rttMs }, second * 1000);
      const before = seen.get(routeKey(hops)) ?? { sent: 0, lost: 0 };
      // As PathAgent smooths it: half of a change shows after a second.
      seen.set(routeKey(hops), { sent: before.sent * 0.5 + whole, lost: before.lost * 0.5 + lost });
    }
  }
  const bestR = Math.max(...[...trueWays.values()].map(ratePath));
  const [nearest] = [...truth.caller].sort(([, a], [, b]) => a.rttMs - b.rttMs)[0]!;
  const nearestR = ratePath(trueWays.get(nearest)!);
  const probeKbps = (pings * PING_BITS) / seconds / 1000;
  return {
    bestR,
    usedR: ratePath(trueWays.get(routeKey(inUse))!),
    nearestR,
    probeKbps,
    offers: offered.size,
  };
}

import type { KeyId } from '@overcall/identity';
import { ratePath } from '@overcall/quality';
import { MAX_HOPS } from '@overcall/wire';

/** One stretch of a way: between a softphone and a supernode, or between two supernodes. Percent counts both directions. */
export interface Stretch {
  rttMs: number;
  lossPct: number;
}

/** What the two ends of a call know of the supernodes between them. */
export interface RouteKnowledge {
  /** How well the caller reaches supernodes, and the callee. */
  caller: ReadonlyMap<KeyId, Stretch>;
  callee: ReadonlyMap<KeyId, Stretch>;
  /** Between two supernodes; null when nobody has measured that. */
  between(one: KeyId, other: KeyId): Stretch | null;
}

export interface RankedRoute extends Stretch {
  /** From the caller's supernode to the callee's. */
  hops: readonly KeyId[];
  /** Expected voice quality, R of G.107, less what further supernodes cost. */
  score: number;
}

/** A further supernode costs its operator as much as the first, and may fail: so many points of R. */
const HOP_COST = 0.5;
/** Below 100 ms of delay R says nothing; people and echo cancellers do: points of R for each ms of round trip. */
const DELAY_COST_PER_MS = 0.01;

export const routeKey = (hops: readonly KeyId[]): string => hops.join(' ');

export function scoreOfRoute({ rttMs, lossPct }: Stretch, hops: number): number {
  return ratePath({ rttMs, lossPct }) - HOP_COST * (hops - 1) - DELAY_COST_PER_MS * rttMs;
}

/** Losses of stretches one after the other. */
const joined = (stretches: readonly Stretch[]): Stretch => ({
  rttMs: stretches.reduce((sum, { rttMs }) => sum + rttMs, 0),
  lossPct: 100 * (1 - stretches.reduce((passed, { lossPct }) => passed * (1 - lossPct / 100), 1)),
});

/** The stretches of a way; null where one of them has not been measured. */
function stretchesOf(hops: readonly KeyId[], known: RouteKnowledge): Stretch[] | null {
  const inner = hops.slice(1).map((hop, index) => known.between(hops[index]!, hop));
  const all = [known.caller.get(hops[0]!), ...inner, known.callee.get(hops.at(-1)!)];
  return all.every((stretch) => stretch != null) ? (all as Stretch[]) : null;
}

function* waysOver(known: RouteKnowledge, maxHops: number): Generator<KeyId[]> {
  const middles = new Set([...known.caller.keys(), ...known.callee.keys()]);
  for (const first of known.caller.keys()) {
    if (known.callee.has(first)) yield [first];
    for (const last of known.callee.keys()) {
      if (last === first || maxHops < 2) continue;
      yield [first, last];
      if (maxHops < 3) continue;
      for (const middle of middles) if (middle !== first && middle !== last) yield [first, middle, last];
    }
  }
}

/**
 * Every way over one to three supernodes whose stretches are known, best first.
 * @param mayUse leaves out supernodes that are dead or unwanted
 */
export function rankRoutes(
  known: RouteKnowledge,
  mayUse: (supernode: KeyId) => boolean = () => true,
  maxHops = MAX_HOPS,
): RankedRoute[] {
  const routes: RankedRoute[] = [];
  for (const hops of waysOver(known, maxHops)) {
    const stretches = hops.every(mayUse) ? stretchesOf(hops, known) : null;
    if (stretches === null) continue;
    const whole = joined(stretches);
    routes.push({ hops, ...whole, score: scoreOfRoute(whole, hops.length) });
  }
  return routes.sort((a, b) => b.score - a.score || a.rttMs - b.rttMs);
}

export const isDisjoint = (one: readonly KeyId[], other: readonly KeyId[]): boolean =>
  !one.some((hop) => other.includes(hop));

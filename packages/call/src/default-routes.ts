import type { KeyId } from '@overcall/identity';

/** Routes that a call has at once: two of them warm and one in reserve, on different supernodes. */
export const WANTED_ROUTES = 3;

export interface RouteSituation {
  /** Supernodes of the caller and of the callee, best first. */
  mine: readonly KeyId[];
  theirs: readonly KeyId[];
  /** The best ways by measurement, as far as there is any. */
  planned: readonly (readonly KeyId[])[];
  /** Ways that are open and well: kept as long as nothing speaks against it. */
  current: readonly (readonly KeyId[])[];
  /** Supernodes that seem to be dead or about to stop. */
  shunned: ReadonlySet<KeyId>;
  /** Ways that one of the two would not take, in one word each: {@link wayName}. */
  refused: ReadonlySet<string>;
  /** Whether this side may show its address to supernodes that others have chosen. */
  mayAttach: boolean;
  /** Others of the list, for a reserve that neither is attached to yet, best first. */
  others: readonly KeyId[];
  /** Ways wanted. */
  count: number;
}

export const wayName = (hops: readonly KeyId[]): string => hops.join(' ');

/** The first way of a call: over a supernode of both, else from mine to theirs. Null while one of the two has none. */
export function firstWay(mine: readonly KeyId[], theirs: readonly KeyId[]): KeyId[] | null {
  const common = mine.find((supernode) => theirs.includes(supernode));
  if (common !== undefined) return [common];
  return mine[0] === undefined || theirs[0] === undefined ? null : [mine[0], theirs[0]];
}

/**
 * Which ways the caller offers, from its supernode to the callee's, by measurement, then those there are, then
 * supernodes of both, then of one of the two (the other one attaches), then from mine to theirs, then others; each supernode in
 * one way only, so that whichever of them dies, the other ways live. Where the best way needs all there are, others share them.
 */
export function defaultRoutes(situation: RouteSituation): KeyId[][] {
  const { mine, theirs, planned, current, shunned, refused, mayAttach, others, count } = situation;
  const common = mine.filter((supernode) => theirs.includes(supernode));
  const onlyTheirs = theirs.filter((supernode) => !mine.includes(supernode));
  const onlyMine = mine.filter((supernode) => !theirs.includes(supernode));
  const across = mine.flatMap((here) =>
    theirs.filter((there) => there !== here).map((there) => [here, there]),
  );
  const inOrder: (readonly KeyId[])[] = [
    ...planned,
    ...current,
    ...common.map((supernode) => [supernode]),
    ...(mayAttach ? onlyTheirs.map((supernode) => [supernode]) : []),
    ...onlyMine.map((supernode) => [supernode]),
    ...across,
    ...(mayAttach ? others.map((supernode) => [supernode]) : []),
  ];
  const mayTake = (hops: readonly KeyId[]) =>
    !hops.some((hop) => shunned.has(hop)) && !refused.has(wayName(hops));
  const candidates = inOrder.filter(mayTake);
  const chosen = pickDisjoint(candidates, count);
  if (chosen.length >= count) return chosen;
  // Few supernodes: a reserve over two of them leaves less to survive with than two reserves.
  const single = candidates.filter((hops, index) => index === 0 || hops.length === 1);
  const more = pickDisjoint(single, count);
  return withSurvivors(more.length > chosen.length ? more : chosen, single, count);
}

/** As few more as it takes that no supernode is on every way: a call would be silent when that one dies. */
function withSurvivors(
  chosen: readonly KeyId[][],
  candidates: readonly (readonly KeyId[])[],
  count: number,
): KeyId[][] {
  const ways = [...chosen];
  for (const hops of candidates) {
    const onEvery = (ways[0] ?? []).filter((hop) => ways.every((way) => way.includes(hop)));
    if (ways.length >= count || onEvery.length === 0) break;
    if (!onEvery.every((hop) => hops.includes(hop))) ways.push([...hops]);
  }
  return ways;
}

/** The first ones that share no supernode. */
function pickDisjoint(ways: readonly (readonly KeyId[])[], count: number): KeyId[][] {
  const used = new Set<KeyId>();
  const picked: KeyId[][] = [];
  for (const hops of ways) {
    if (picked.length === count) break;
    if (hops.some((hop) => used.has(hop))) continue;
    for (const hop of hops) used.add(hop);
    picked.push([...hops]);
  }
  return picked;
}

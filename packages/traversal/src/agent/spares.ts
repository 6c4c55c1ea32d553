import { areDisjoint, bestOf, isDead, isOverdue } from './judge-path.ts';
import type { Path } from './path.ts';

/**
 * Who stands by. Relays first: what breaks a direct path often breaks its like, and a relay on other supernodes does
 * not share the fate of the one in use.
 */

/**
 * The relay that takes over when the path in use fails, and is kept warm for that: the best that is on other supernodes,
 * else the best. One that does not answer is better than none: our NAT may be what is wrong, and whatever we send makes
 * the relay ask who we are.
 */
export function warmRelay(paths: readonly Path[], current: Path | null, nowMs: number): Path | null {
  const isRelay = (path: Path) => !path.isDirect && path !== current && path.isProven;
  const isAlive = (path: Path) => isRelay(path) && !isDead(path, nowMs);
  return (
    bestOf(paths, (path) => isAlive(path) && (current === null || areDisjoint(path, current))) ??
    bestOf(paths, isAlive) ??
    bestOf(paths, isRelay)
  );
}

/** A third one, on supernodes that the warm one is not on, better still if the path in use is not on them either. */
function nextRelay(paths: readonly Path[], current: Path, warm: Path, nowMs: number): Path | null {
  const fits = (path: Path) =>
    !path.isDirect && path !== current && path.isProven && areDisjoint(path, warm) && !isDead(path, nowMs);
  return bestOf(paths, (path) => fits(path) && areDisjoint(path, current)) ?? bestOf(paths, fits);
}

/**
 * What carries a copy of each packet while the path in use is suspected: the warm relay, the next one if a relay is what
 * may have failed, or the warm one is late itself, and the best direct path.
 */
export function sparesOf(paths: readonly Path[], current: Path | null, nowMs: number): Path[] {
  const warm = warmRelay(paths, current, nowMs);
  const isNextWanted = current !== null && warm !== null && (!current.isDirect || isOverdue(warm, nowMs));
  const next = isNextWanted ? nextRelay(paths, current, warm, nowMs) : null;
  const direct = bestOf(
    paths,
    (path) => path.isDirect && path !== current && path.isProven && !isDead(path, nowMs),
  );
  return [warm, next, direct].filter((path) => path !== null);
}

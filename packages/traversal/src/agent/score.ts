import { ratePath } from '@overcall/quality';
import type { Path } from './path.ts';

/** Delay that is assumed before it is measured, ms: a path that nobody has tried is not better than one that works. */
const UNKNOWN_RTT_MS = 300;
/** A direct path is worth so many points of R more: it costs no supernode, and nobody sees who talks. */
const DIRECT_BONUS = 1;
/** What TCP costs besides its round trip, in points of R: one lost segment holds up all that come after it. */
const TCP_MALUS = 5;
/**
 * What of the loss is heard: senders repeat frames, and only a small part is not recovered (bench/voice: 0.2 of 20% random, 3 of 10% in
 * bursts), but the copies have to be waited for, and take bandwidth.
 */
const AUDIBLE_LOSS = 0.2;
/** And each supernode after the first: it costs somebody's bandwidth, and is one more that may fail. */
const HOP_MALUS = 0.5;

/** What is remembered for each path: its score as it is, at its best round trip, and without its loss. */
const MAX_SCORED = 4;

/** Expected voice quality of a path: R of the E-model (ITU-T G.107), 0..100, with what a path of its kind is worth besides. */
export const scoreOf = (path: Path): number => scoreWith(path, path.lossPct ?? path.rememberedLossPct);

/** The same if what it lost when it was left is past. */
export const hopefulScoreOf = (path: Path): number => scoreWith(path, path.lossPct ?? 0);

/**
 * What it takes to leave a path for its round trip alone: even the shortest of the last ones was too long. On a busy machine each answer is
 * read late, on all paths, and which looks best is chance: calls left good direct paths for it (the lab, three programs for each core).
 */
export const favourableScoreOf = (path: Path): number =>
  scoreAt(path, shortestOf(path), path.lossPct ?? path.rememberedLossPct);

/** The same without its loss. */
export const losslessScoreOf = (path: Path): number => scoreAt(path, shortestOf(path), 0);

const shortestOf = (path: Path): number => path.roundTrips.lowestMs ?? UNKNOWN_RTT_MS;

function scoreWith(path: Path, lossPct: number): number {
  const rttMs = (path.roundTrips.medianMs ?? UNKNOWN_RTT_MS) + 2 * path.roundTrips.spreadMs;
  return scoreAt(path, rttMs, lossPct);
}

/** Asked several times with each packet, of each path, and for something else than before only after a ping. */
function scoreAt(path: Path, rttMs: number, lossPct: number): number {
  for (const known of path.scored) if (known.rttMs === rttMs && known.lossPct === lossPct) return known.score;
  const score = scoreFrom(path, rttMs, lossPct);
  path.scored.push({ rttMs, lossPct, score });
  if (path.scored.length > MAX_SCORED) path.scored.shift();
  return score;
}

function scoreFrom(path: Path, rttMs: number, lossPct: number): number {
  const r = ratePath({ rttMs, lossPct: lossPct * AUDIBLE_LOSS });
  const hops = HOP_MALUS * Math.max(0, path.via.length - 1);
  return r + (path.isDirect ? DIRECT_BONUS : 0) - (path.transport === 'tcp' ? TCP_MALUS : 0) - hops;
}

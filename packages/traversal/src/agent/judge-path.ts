import type { Path } from './path.ts';
import { scoreOf } from './score.ts';

/** What is said of one path by itself, or of two: whether it is dead, late, lossy, or what two have in common. */

/**
 * A path that was left is not chosen for being better for this time, ms: after a first silence it may be well at once.
 * One that falls silent again soon, or was left for being worse, is held back for longer, and doubly so each time.
 */
const HOLD_SILENT_MS = 500;
const HOLD_WORSE_MS = 30_000;
const HOLD_LAST_MS = 120_000;
/** A path that loses so large a share, percent, is lossy; silence on one that did before is one more sign of it. */
const LOSSY_PCT = 3;
/** A path that left so many pings unanswered, the first of them for longer than an answer takes, is no spare. */
const DEAD_AFTER_UNANSWERED = 3;
/** Silence before the path is suspected, ms: two missing frames of 20 ms, and some. And what jitter adds to it. */
const SUSPECT_SILENCE_MS = 55;
const SUSPECT_PER_JITTER = 4;
const MAX_SUSPECT_SILENCE_MS = 200;
/** A ping is overdue after so many smoothed round trips and deviations, and at least so many ms. */
const OVERDUE_ROUND_TRIPS = 1.5;
const OVERDUE_DEVIATIONS = 4;
const OVERDUE_AT_LEAST_MS = 60;

export const isLossy = (path: Path): boolean => (path.lossPct ?? 0) >= LOSSY_PCT;

/** Between the same two places: another port of the peer's NAT, unless it is newer. */
export const isSameWay = (one: Path, other: Path, beforeMs: number): boolean =>
  one === other || (areAlike(one, other) && (one.firstProvenAtMs ?? Number.POSITIVE_INFINITY) < beforeMs);

const areAlike = (one: Path, other: Path): boolean =>
  one.isDirect &&
  other.isDirect &&
  one.socket === other.socket &&
  hostOf(one.remote) === hostOf(other.remote);

export const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'));

/** Loss is seldom that of one port: most of the way, or at least its ends, is that of every direct path. */
export const sharesLoss = (one: Path, other: Path): boolean =>
  one === other || (one.isDirect && other.isDirect);

const shareSupernode = (one: Path, other: Path): boolean => one.via.some((name) => other.via.includes(name));

/** What breaks the one is likely to break the other: the same way, or a supernode on both. */
export const sharesFate = (one: Path, other: Path, beforeMs: number): boolean =>
  isSameWay(one, other, beforeMs) || shareSupernode(one, other);

/** Whether they have nothing in common but the two ends. */
export const areDisjoint = (one: Path, other: Path): boolean =>
  one !== other && !areAlike(one, other) && !shareSupernode(one, other);

/** Keeps a path from being chosen for a while: it gets another chance, ever later. */
export function hold(path: Path, isWorse: boolean, nowMs: number): void {
  const isFirst = path.leftAtMs === null || nowMs >= path.leftAtMs + HOLD_LAST_MS;
  const holdMs = isFirst && !isWorse ? HOLD_SILENT_MS : HOLD_WORSE_MS * 2 ** path.timesHeld++;
  path.heldUntilMs = nowMs + Math.min(HOLD_LAST_MS, holdMs);
  path.leftAtMs = nowMs;
}

export const suspectSilence = (jitterMs: number): number =>
  Math.min(MAX_SUSPECT_SILENCE_MS, SUSPECT_SILENCE_MS + SUSPECT_PER_JITTER * jitterMs);

/** How long a ping may take to be answered, ms. */
export const answerTimeMs = ({ rttMs, rttVarianceMs }: Path): number =>
  Math.max(OVERDUE_AT_LEAST_MS, OVERDUE_ROUND_TRIPS * (rttMs ?? 0) + OVERDUE_DEVIATIONS * rttVarianceMs);

/** Its first unanswered ping should have been answered by now. */
export const isOverdue = (path: Path, nowMs: number): boolean =>
  nowMs >= (path.unansweredSinceMs ?? Number.POSITIVE_INFINITY) + answerTimeMs(path);

/** On a long path many pings are out that cannot have been answered yet. */
export const isDead = (path: Path, nowMs: number): boolean =>
  path.unanswered >= DEAD_AFTER_UNANSWERED && isOverdue(path, nowMs);

export function bestOf(
  paths: Iterable<Path>,
  fits: (path: Path) => boolean,
  scoreOfOne: (path: Path) => number = scoreOf,
): Path | null {
  let best: Path | null = null;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const path of paths) {
    if (!fits(path)) continue;
    const score = scoreOfOne(path);
    if (score > bestScore) [best, bestScore] = [path, score];
  }
  return best;
}

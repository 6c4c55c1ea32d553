import type { Path } from './path.ts';
import { scoreOf } from './score.ts';

/** What is said of one path by itself: whether it is dead, late, lossy, or like another one. */

/**
 * A path that was left is not chosen for being better for this time, ms: after a first silence it may be well at once.
 * One that falls silent again soon, or was left for being worse, is held back for longer, and doubly so each time.
 */
const HOLD_SILENT_MS = 500;
const HOLD_WORSE_MS = 30_000;
const HOLD_LAST_MS = 120_000;
/** A path that fell silent, and had lost so large a share before, percent, is one that was left for being worse. */
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

export const losesAudio = ({ lossInPct, lossOutPct }: Path): boolean =>
  Math.max(lossInPct ?? 0, lossOutPct ?? 0) >= LOSSY_PCT;

/** Between the same two places: another port of the peer's NAT shares the fate of the first, unless it is newer. */
export const isLike = (one: Path, other: Path, beforeMs: number): boolean =>
  one === other ||
  (one.isDirect &&
    other.isDirect &&
    one.socket === other.socket &&
    hostOf(one.remote) === hostOf(other.remote) &&
    (one.firstProvenAtMs ?? Number.POSITIVE_INFINITY) < beforeMs);

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'));

/** What was measured on it is forgotten too: it gets another chance, ever later. */
export function hold(path: Path, isWorse: boolean, nowMs: number): void {
  const isFirst = path.leftAtMs === null || nowMs >= path.leftAtMs + HOLD_LAST_MS;
  const holdMs = isFirst && !isWorse ? HOLD_SILENT_MS : HOLD_WORSE_MS * 2 ** path.timesHeld++;
  path.heldUntilMs = nowMs + Math.min(HOLD_LAST_MS, holdMs);
  path.leftAtMs = nowMs;
  path.forgetLoss();
}

export const suspectSilence = (jitterMs: number): number =>
  Math.min(MAX_SUSPECT_SILENCE_MS, SUSPECT_SILENCE_MS + SUSPECT_PER_JITTER * jitterMs);

/** How long a ping may take to be answered, ms. */
export const answerTimeMs = ({ rttMs, rttVarianceMs }: Path): number =>
  Math.max(OVERDUE_AT_LEAST_MS, OVERDUE_ROUND_TRIPS * (rttMs ?? 0) + OVERDUE_DEVIATIONS * rttVarianceMs);

/** On a long path many pings are out that cannot have been answered yet. */
export const isDead = (path: Path, nowMs: number): boolean =>
  path.unanswered >= DEAD_AFTER_UNANSWERED &&
  nowMs >= (path.unansweredSinceMs ?? Number.POSITIVE_INFINITY) + answerTimeMs(path);

export function bestOf(paths: Iterable<Path>, fits: (path: Path) => boolean): Path | null {
  let best: Path | null = null;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const path of paths) {
    if (!fits(path)) continue;
    const score = scoreOf(path);
    if (score > bestScore) [best, bestScore] = [path, score];
  }
  return best;
}

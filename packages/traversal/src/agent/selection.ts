import type { Path } from './path.ts';
import { scoreOf } from './score.ts';

/**
 * Which path carries the audio. A few missing frames are suspicion: the spare carries a copy from then on. Evidence
 * switches: the spare is heard and the path in use still is not. A better path is taken make-before-break: for a
 * moment both carry every frame. Nothing waits for a timeout of seconds.
 */

/** Frames of 20 ms that may be missing before the path is suspected, as ms, and what jitter adds to it. */
const SUSPECT_SILENCE_MS = 65;
const SUSPECT_PER_JITTER = 4;
const MAX_SUSPECT_SILENCE_MS = 200;
/** A ping is overdue after so many smoothed round trips and deviations, and at least so many ms. */
const OVERDUE_ROUND_TRIPS = 1.5;
const OVERDUE_DEVIATIONS = 4;
const OVERDUE_AT_LEAST_MS = 60;
/** A suspected path that has been silent for so long, while the spare is heard, is left, ms. */
const LEAVE_SILENCE_MS = 150;
/** The peer's audio on another path means nothing for so long after the path in use was found to be well, ms. */
const IGNORE_PEER_MS = 500;
/** How long both paths carry each frame around a switch, ms, and as round trips of the slower one. */
const OVERLAP_MS = 100;
const OVERLAP_ROUND_TRIPS = 1;
/** Points of R by which another path must be better; a direct one may even be a little worse than a relay. */
const BETTER_BY = 4;
const DIRECT_MAY_BE_WORSE_BY = 2;
/** A better path must have been better for so long, ms, so that one lucky ping decides nothing. */
const BETTER_FOR_MS = 400;
/** A path that was left is not chosen for being better for this time, ms; doubles with each time it was left. */
const HOLD_SILENT_MS = 500;
const HOLD_WORSE_MS = 30_000;
const HOLD_LAST_MS = 120_000;
/** A path that has not been heard for so long, in pings that it did not answer, is no spare. */
const DEAD_AFTER_UNANSWERED = 3;

export type SwitchReason = 'first' | 'direct-proven' | 'better' | 'silent' | 'gone';

export interface Switched {
  path: Path;
  reason: SwitchReason;
}

export class Selection {
  #current: Path | null = null;
  #leaving: { path: Path; untilMs: number } | null = null;
  #suspectedAtMs: number | null = null;
  /** When a suspected path is to be looked at again, whatever arrives. */
  #reviewAtMs = Number.POSITIVE_INFINITY;
  /** Media silence counts only for media that was heard after this. */
  #clearedAtMs = Number.NEGATIVE_INFINITY;
  #better: { path: Path; sinceMs: number } | null = null;

  get current(): Path | null {
    return this.#current;
  }

  get isSuspected(): boolean {
    return this.#suspectedAtMs !== null;
  }

  /** The best path besides the one in use; null when there is none that lives. */
  spare(paths: Iterable<Path>): Path | null {
    return bestOf(paths, (path) => path !== this.#current && isAlive(path));
  }

  /** Where the next media packet goes: one path, or two for a moment. */
  routes(paths: Iterable<Path>, nowMs: number): Path[] {
    if (this.#current === null) return [];
    const routes = [this.#current];
    if (this.#leaving !== null && nowMs < this.#leaving.untilMs) routes.push(this.#leaving.path);
    if (this.#suspectedAtMs !== null) {
      const spare = this.spare(paths);
      if (spare !== null && !routes.includes(spare)) routes.push(spare);
    }
    return routes;
  }

  /** When {@link update} has something to look at. */
  deadline(jitterMs: number, isTalking: boolean): number {
    const path = this.#current;
    if (path === null) return Number.POSITIVE_INFINITY;
    if (this.#suspectedAtMs !== null) return this.#reviewAtMs;
    const due = [this.#overdueAt(path)];
    if (isTalking && this.#hasMediaToMiss(path)) due.push(path.mediaHeardAtMs! + suspectSilence(jitterMs));
    if (this.#better !== null) due.push(this.#better.sinceMs + BETTER_FOR_MS);
    return Math.min(...due);
  }

  /** When the first unanswered ping of the path in use is overdue; what it missed as a spare does not count. */
  #overdueAt(path: Path): number {
    if (path.unansweredSinceMs === null || path.rttMs === null) return Number.POSITIVE_INFINITY;
    return Math.max(path.unansweredSinceMs, this.#clearedAtMs) + answerTimeMs(path);
  }

  #hasMediaToMiss(path: Path): boolean {
    return path.mediaHeardAtMs !== null && path.mediaHeardAtMs > this.#clearedAtMs;
  }

  /**
   * The peer says that its audio takes another path than ours: it has changed to a better one, or misses what we
   * send. Copies cost little for the round trip until that is known; only not again at once.
   */
  suspectByPeer(nowMs: number): boolean {
    return nowMs >= this.#clearedAtMs + IGNORE_PEER_MS && this.#suspect(nowMs);
  }

  #suspect(nowMs: number): boolean {
    if (this.#current === null || this.#suspectedAtMs !== null) return false;
    this.#suspectedAtMs = nowMs;
    this.#reviewAtMs = nowMs + LEAVE_SILENCE_MS;
    return true;
  }

  /** The path in use answered a ping that was sent at that time. */
  noteAnswered(path: Path, sentAtMs: number, nowMs: number): void {
    if (path !== this.#current || this.#suspectedAtMs === null || sentAtMs < this.#suspectedAtMs) return;
    this.#suspectedAtMs = null;
    this.#clearedAtMs = nowMs;
  }

  /** Looks at everything that is known. Returns whether the path was newly suspected, and a switch if there is one. */
  update(
    paths: readonly Path[],
    options: { nowMs: number; jitterMs: number; isTalking: boolean },
  ): { suspected: boolean; switched: Switched | null } {
    const { nowMs } = options;
    if (nowMs >= this.#reviewAtMs) this.#reviewAtMs = Number.POSITIVE_INFINITY;
    const current = this.#current;
    if (current === null || !paths.includes(current)) {
      const first = bestOf(paths, (path) => path.isProven);
      const reason = current === null ? 'first' : 'gone';
      if (first === null) this.#forget();
      return { suspected: false, switched: first && this.#switchTo(first, reason, nowMs) };
    }
    const suspected = this.#isSilent(current, options) && this.#suspect(nowMs);
    const switched = this.isSuspected
      ? this.#leaveIfDead(current, paths, nowMs)
      : this.#takeBetter(current, paths, nowMs);
    return { suspected, switched };
  }

  /** The path in use is gone, and there is no other. */
  #forget(): void {
    this.#current = null;
    this.#leaving = null;
    this.#suspectedAtMs = null;
    this.#better = null;
  }

  #isSilent(path: Path, options: { nowMs: number; jitterMs: number; isTalking: boolean }): boolean {
    if (options.nowMs >= this.#overdueAt(path)) return true;
    if (!options.isTalking || !this.#hasMediaToMiss(path)) return false;
    return options.nowMs >= path.mediaHeardAtMs! + suspectSilence(options.jitterMs);
  }

  #leaveIfDead(current: Path, paths: readonly Path[], nowMs: number): Switched | null {
    const suspectedAtMs = this.#suspectedAtMs!;
    const heardAtMs = current.heardAtMs ?? Number.NEGATIVE_INFINITY;
    // On a long path many pings are out that cannot have been answered yet.
    const isAnswerDue = nowMs >= suspectedAtMs + answerTimeMs(current);
    if (nowMs < suspectedAtMs + LEAVE_SILENCE_MS && !(isAnswerDue && isDead(current))) return null;
    // Heard all the while, it may still be deaf: only an answer clears it (noteAnswered).
    const heardSince = (path: Path) => (path.heardAtMs ?? Number.NEGATIVE_INFINITY) >= suspectedAtMs;
    const spare = bestOf(paths, (path) => path !== current && path.isProven && heardSince(path));
    if (spare === null) return null;
    if (heardAtMs > suspectedAtMs && (!isAnswerDue || current.unanswered < 2)) return null;
    return this.#switchTo(spare, 'silent', nowMs);
  }

  #takeBetter(current: Path, paths: readonly Path[], nowMs: number): Switched | null {
    const other = bestOf(
      paths,
      (path) => path !== current && isAlive(path) && path.unanswered === 0 && nowMs >= path.heldUntilMs,
    );
    if (other === null) return this.#notBetter();
    const gain = scoreOf(other) - scoreOf(current);
    if (current.kind === 'relay' && other.kind === 'direct') {
      if (gain >= -DIRECT_MAY_BE_WORSE_BY) return this.#switchTo(other, 'direct-proven', nowMs);
      return this.#notBetter();
    }
    if (gain < BETTER_BY) return this.#notBetter();
    if (this.#better?.path !== other) this.#better = { path: other, sinceMs: nowMs };
    if (nowMs < this.#better.sinceMs + BETTER_FOR_MS) return null;
    return this.#switchTo(other, 'better', nowMs);
  }

  #notBetter(): null {
    this.#better = null;
    return null;
  }

  #switchTo(path: Path, reason: SwitchReason, nowMs: number): Switched {
    const before = this.#current;
    if (before !== null) {
      const overlapMs = Math.max(OVERLAP_MS, OVERLAP_ROUND_TRIPS * (before.rttMs ?? 0));
      this.#leaving = { path: before, untilMs: nowMs + overlapMs };
      if (reason !== 'direct-proven')
        hold(before, reason === 'better' ? HOLD_WORSE_MS : HOLD_SILENT_MS, nowMs);
    }
    this.#current = path;
    this.#suspectedAtMs = null;
    this.#clearedAtMs = nowMs;
    this.#better = null;
    return { path, reason };
  }
}

/** What was measured on it is forgotten too: it gets another chance, ever later. */
function hold(path: Path, firstMs: number, nowMs: number): void {
  path.heldUntilMs = nowMs + Math.min(HOLD_LAST_MS, firstMs * 2 ** path.timesLeft);
  path.timesLeft++;
  path.forgetLoss();
}

const suspectSilence = (jitterMs: number): number =>
  Math.min(MAX_SUSPECT_SILENCE_MS, SUSPECT_SILENCE_MS + SUSPECT_PER_JITTER * jitterMs);

/** How long a ping may take to be answered, ms. */
const answerTimeMs = ({ rttMs, rttVarianceMs }: Path): number =>
  Math.max(OVERDUE_AT_LEAST_MS, OVERDUE_ROUND_TRIPS * (rttMs ?? 0) + OVERDUE_DEVIATIONS * rttVarianceMs);

const isDead = (path: Path): boolean => path.unanswered >= DEAD_AFTER_UNANSWERED;
const isAlive = (path: Path): boolean => path.isProven && !isDead(path);

function bestOf(paths: Iterable<Path>, fits: (path: Path) => boolean): Path | null {
  let best: Path | null = null;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const path of paths) {
    if (!fits(path)) continue;
    const score = scoreOf(path);
    if (score > bestScore) [best, bestScore] = [path, score];
  }
  return best;
}

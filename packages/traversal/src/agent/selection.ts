import { BetterPath } from './better-path.ts';
import {
  answerTimeMs,
  bestOf,
  hold,
  isDead,
  isLossy,
  isOverdue,
  sharesFate,
  sharesLoss,
} from './judge-path.ts';
import { Pair } from './pair.ts';
import type { Path } from './path.ts';
import { sparesOf } from './spares.ts';
import { LEAVE_SILENCE_MS, PING_APART_MS, Suspicion } from './suspicion.ts';

/**
 * Which path carries the audio. A few missing frames are suspicion: spares carry a copy from then on. Evidence switches: a
 * spare is heard and the path in use still is not. A better path is taken make-before-break: for a moment both carry
 * every frame. Nothing waits for a timeout of seconds.
 */

/** What is likely to share the fate of a path that fell silent comes last, after this time, ms. */
const LEAVE_FOR_LIKE_MS = 400;
/** One of two that carry the same is left later, ms: both lose pings now and then, and nothing is missed meanwhile. */
const LEAVE_PAIRED_MS = 600;
/** How long both paths carry each frame around a switch, ms, and as round trips of the slower one. */
const OVERLAP_MS = 100;
const OVERLAP_ROUND_TRIPS = 1;
/** A path that is new to audio shares it with the one before until the peer has heard it there, at most so long, ms, and round trips. */
const TRIAL_MS = 600;
const TRIAL_ROUND_TRIPS = 3;

export type SwitchReason = 'first' | 'direct-proven' | 'better' | 'silent' | 'gone';

export interface Switched {
  path: Path;
  before: Path | null;
  reason: SwitchReason;
}

export class Selection {
  readonly suspicion = new Suspicion();
  readonly #better = new BetterPath();
  readonly #pair = new Pair();
  #current: Path | null = null;
  #leaving: { path: Path; untilMs: number } | null = null;
  #isTalking = false;
  /** The path in use is new to audio: the peer has not said yet that it hears any there. */
  #trial: { before: Path; confirmedPackets: number; untilMs: number } | null = null;
  /** When a path was left because it was silent: what is known of others from before counts for little. */
  #silentAtMs = Number.NEGATIVE_INFINITY;

  get current(): Path | null {
    return this.#current;
  }

  get isTrying(): boolean {
    return this.#trial !== null;
  }

  get isSuspected(): boolean {
    return this.suspicion.sinceMs !== null;
  }

  /** What carries copies while the path in use is suspected. Where a second path carries everything already, that is enough. */
  spares(paths: readonly Path[], nowMs: number): Path[] {
    const { partner } = this.#pair;
    if (partner !== null && !isOverdue(partner, nowMs)) return [partner];
    return sparesOf(paths, this.#current, nowMs);
  }

  /** Whether a path carries copies so that its loss is measured, or that of the path in use made up for. */
  isCompanion(path: Path): boolean {
    return path === this.#pair.partner || path === this.#better.auditioning;
  }

  /** Where the next media packet goes: one path, or a few. */
  routes(paths: readonly Path[], nowMs: number): readonly Path[] {
    if (this.#current === null) return [];
    const isLeaving = this.#leaving !== null && nowMs < this.#leaving.untilMs;
    const hasOthers = isLeaving || this.#trial !== null || this.#pair.partner !== null;
    if (!hasOthers && this.#better.auditioning === null && !this.isSuspected) return [this.#current];
    const routes = new Set([this.#current]);
    if (this.#leaving !== null && nowMs < this.#leaving.untilMs) routes.add(this.#leaving.path);
    if (this.#trial !== null) routes.add(this.#trial.before);
    for (const companion of [this.#pair.partner, this.#better.auditioning])
      if (companion !== null) routes.add(companion);
    if (this.isSuspected) for (const spare of this.spares(paths, nowMs)) routes.add(spare);
    return [...routes];
  }

  /** Checks are smaller than audio, and some networks lose what is larger: until it is known to arrive, it takes both. */
  tryOut(before: Path | null, nowMs: number): void {
    const path = this.#current;
    if (path === null || before === null) return;
    const untilMs = nowMs + Math.max(TRIAL_MS, TRIAL_ROUND_TRIPS * (path.rttMs ?? 0));
    this.#trial = { before, confirmedPackets: path.confirmedPackets, untilMs };
  }

  handleNetworkChange(): void {
    this.#better.handleNetworkChange();
  }

  /** When {@link update} has something to look at. */
  deadline(jitterMs: number, isTalking: boolean): number {
    if (this.#current === null) return Number.POSITIVE_INFINITY;
    const due = this.suspicion.deadline(this.#current, jitterMs, isTalking);
    if (this.isSuspected) return due;
    return Math.min(due, this.#better.deadline, this.#trial?.untilMs ?? Number.POSITIVE_INFINITY);
  }

  /** The peer misses what we send. Copies cost little for the round trip until more is known. */
  suspectByPeer(nowMs: number): boolean {
    const isDue = this.#current !== null && this.suspicion.isDueByPeer(this.#current, nowMs);
    if (isDue) this.suspicion.begin(nowMs);
    return isDue;
  }

  /** A path answered a ping that was sent at that time, after so many packets. */
  noteAnswered(path: Path, ping: { sentAtMs: number; sentPackets: number }, nowMs: number): void {
    if (path !== this.#current) return;
    if (this.#trial !== null && path.confirmedPackets !== this.#trial.confirmedPackets) this.#trial = null;
    this.suspicion.noteAnswered(path, ping, this.#isTalking, nowMs);
  }

  /** Looks at everything that is known. Returns a switch if there is one. */
  update(
    paths: readonly Path[],
    options: { nowMs: number; jitterMs: number; isTalking: boolean },
  ): Switched | null {
    const { nowMs } = options;
    this.#isTalking = options.isTalking;
    this.suspicion.noteReview(nowMs);
    const current = this.#current;
    if (current === null || !paths.includes(current)) {
      const first = bestOf(paths, (path) => path.isProven);
      const reason = current === null ? 'first' : 'gone';
      if (first === null) this.#forget(nowMs);
      return first && this.#switchTo(first, reason, paths, nowMs);
    }
    const failed = this.#endTrial(current, paths, nowMs);
    if (failed !== null) return failed;
    if (this.suspicion.isDue(current, options)) this.suspicion.begin(nowMs);
    const relief = this.#pair.review(current, paths, nowMs);
    if (this.isSuspected) return this.#leaveIfDead(current, paths, nowMs);
    if (relief === null) return this.#improve(current, paths, nowMs);
    relief.trust();
    return this.#switchTo(relief, 'better', paths, nowMs);
  }

  #endTrial(current: Path, paths: readonly Path[], nowMs: number): Switched | null {
    if (this.#trial === null || nowMs < this.#trial.untilMs) return null;
    const { before } = this.#trial;
    this.#trial = null;
    if (!paths.includes(before) || isDead(before, nowMs) || current.sentPackets === 0) return null;
    return this.#switchTo(before, 'better', paths, nowMs);
  }

  /** The path in use is gone, and there is no other. */
  #forget(nowMs: number): void {
    this.#trial = null;
    this.#current = null;
    this.#leaving = null;
    this.#pair.end();
    this.#better.forget();
    this.suspicion.end(nowMs);
  }

  #leaveIfDead(current: Path, paths: readonly Path[], nowMs: number): Switched | null {
    const { sinceMs, isDeaf } = this.suspicion;
    const suspectedAtMs = sinceMs!;
    const heardAtMs = current.heardAtMs ?? Number.NEGATIVE_INFINITY;
    // On a long path many pings are out that cannot have been answered yet; meanwhile the spares carry all.
    if (nowMs < suspectedAtMs + answerTimeMs(current)) return null;
    if (nowMs < suspectedAtMs + LEAVE_SILENCE_MS && !isDead(current, nowMs)) return null;
    if (this.#pair.partner !== null && nowMs < suspectedAtMs + LEAVE_PAIRED_MS) return null;
    // Being heard is not enough: what fails in one direction only is heard, too.
    const answered = (path: Path) => (path.answeredPingAtMs ?? Number.NEGATIVE_INFINITY) >= suspectedAtMs;
    const spares = paths.filter((path) => path !== current && answered(path));
    const isLate = nowMs >= suspectedAtMs + LEAVE_FOR_LIKE_MS;
    const spare = bestOf(spares, (path) => isLate || !sharesFate(path, current, suspectedAtMs));
    if (spare === null) return null;
    if (heardAtMs > suspectedAtMs && !isDeaf && current.unanswered < 2) return null;
    // It has answered since; the next answer, which tells whether audio arrives, is not due yet.
    const nextAnswerAtMs = (current.answeredPingAtMs ?? 0) + PING_APART_MS + answerTimeMs(current);
    if (answered(current) && !isDeaf && nowMs < nextAnswerAtMs) return null;
    return this.#switchTo(spare, 'silent', paths, nowMs);
  }

  /** A better path is taken; while there is none, and the one in use is not good, a second one helps. */
  #improve(current: Path, paths: readonly Path[], nowMs: number): Switched | null {
    const better = this.#better.find(current, paths, {
      nowMs,
      sinceMs: this.#silentAtMs,
      isTalking: this.#isTalking,
      partner: this.#pair.partner,
    });
    if (better !== null) return this.#switchTo(better.path, better.reason, paths, nowMs);
    if (this.#isTalking && isLossy(current) && !this.#better.isInSight(current, paths, nowMs))
      this.#pair.begin(current, paths, nowMs);
    return null;
  }

  /** The path in use is to be had another way only: not a matter of which is best, the others may well be dead. */
  replace(path: Path, nowMs: number): Switched {
    return this.#switchTo(path, 'gone', [], nowMs);
  }

  #switchTo(path: Path, reason: SwitchReason, paths: readonly Path[], nowMs: number): Switched {
    const before = this.#current;
    if (before !== null) {
      const overlapMs = Math.max(OVERLAP_MS, OVERLAP_ROUND_TRIPS * (before.rttMs ?? 0));
      this.#leaving = { path: before, untilMs: nowMs + overlapMs };
      if (reason === 'silent' || reason === 'better') this.#holdLike(before, path, reason, paths, nowMs);
      else if (!isLossy(before)) before.trust();
    }
    if (reason === 'silent') this.#silentAtMs = nowMs;
    this.#current = path;
    if (reason === 'silent') this.#pair.goOn(path, before);
    else this.#pair.end();
    this.#better.forget();
    this.#trial = null;
    if (this.#isTalking && reason !== 'silent') this.tryOut(before, nowMs);
    this.suspicion.end(nowMs);
    return { path, before, reason };
  }

  /** The path that is left, and what is like it, are not to be chosen again at once. */
  #holdLike(
    before: Path,
    path: Path,
    reason: 'silent' | 'better',
    paths: readonly Path[],
    nowMs: number,
  ): void {
    const isWorse = reason === 'better' || this.suspicion.isDeaf || isLossy(before);
    const beforeMs = this.suspicion.sinceMs ?? nowMs;
    const isLike = isWorse ? sharesLoss : sharesFate;
    for (const one of paths) {
      if (one === path || !isLike(one, before, beforeMs)) continue;
      hold(one, isWorse, nowMs);
      if (isWorse || one === before) one.doubt();
    }
    if (isWorse && before.isDirect) this.#better.distrust(paths, nowMs);
  }
}

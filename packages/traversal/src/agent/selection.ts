import { answerTimeMs, bestOf, hold, isDead, isLike, losesAudio, suspectSilence } from './judge-path.ts';
import type { Path } from './path.ts';
import { scoreOf } from './score.ts';

/**
 * Which path carries the audio. A few missing frames are suspicion: the spare carries a copy from then on. Evidence
 * switches: the spare is heard and the path in use still is not. A better path is taken make-before-break: for a
 * moment both carry every frame. Nothing waits for a timeout of seconds.
 */

/** A suspected path that has been silent for so long, while the spare is heard, is left, ms. */
const LEAVE_SILENCE_MS = 150;
/** The pings of a suspected path are so far apart, ms. */
export const PING_APART_MS = 50;
/** The same between the same two places, as by another port of a NAT: what is likely to share its fate comes last. */
const LEAVE_FOR_LIKE_MS = 400;
/** The peer's audio on another path means nothing for so long after the path in use was found to be well, ms. */
const IGNORE_PEER_MS = 500;
/** How long both paths carry each frame around a switch, ms, and as round trips of the slower one. */
const OVERLAP_MS = 100;
const OVERLAP_ROUND_TRIPS = 1;
/** A path that is new to audio shares it with the one before until the peer has heard it there, at most so long, ms, and round trips. */
const TRIAL_MS = 600;
const TRIAL_ROUND_TRIPS = 3;
/** Points of R by which another path must be better; a direct one may even be a little worse than a relay. */
const BETTER_BY = 4;
const DIRECT_MAY_BE_WORSE_BY = 2;
/** A better path must have been better for so long, ms, so that one lucky ping decides nothing. */
const BETTER_FOR_MS = 400;

export type SwitchReason = 'first' | 'direct-proven' | 'better' | 'silent' | 'gone';

export interface Switched {
  path: Path;
  reason: SwitchReason;
}

export class Selection {
  #current: Path | null = null;
  #leaving: { path: Path; untilMs: number } | null = null;
  #suspectedAtMs: number | null = null;
  /** Of the first answer after suspicion: so much audio had been sent and had arrived. */
  #firstAnswer: { sentPackets: number; confirmedPackets: number } | null = null;
  /** It answers again, and audio has not arrived meanwhile: what is large does not pass. */
  #isDeaf = false;
  /** When a suspected path is to be looked at again, whatever arrives. */
  #reviewAtMs = Number.POSITIVE_INFINITY;
  #mediaHeardAtMs = Number.NEGATIVE_INFINITY;
  /** Media silence counts only for media that was heard after this. */
  #clearedAtMs = Number.NEGATIVE_INFINITY;
  #better: { path: Path; sinceMs: number } | null = null;
  #isTalking = false;
  /** The path in use is new to audio: the peer has not said yet that it hears any there. */
  #trial: { before: Path; confirmedPackets: number; untilMs: number } | null = null;
  /** When a path was left because it was silent: what is known of direct ones from before counts for little. */
  #silentAtMs = Number.NEGATIVE_INFINITY;

  get current(): Path | null {
    return this.#current;
  }

  get isTrying(): boolean {
    return this.#trial !== null;
  }

  get isSuspected(): boolean {
    return this.#suspectedAtMs !== null;
  }

  /**
   * The best paths besides the one in use: a relay and a direct one, for what breaks a direct path often breaks its
   * like. A relay that does not answer is one all the same: our NAT may be what is wrong, and whatever we send makes
   * the relay ask who we are.
   */
  spares(paths: readonly Path[], nowMs: number): Path[] {
    const others = paths.filter((path) => path !== this.#current && path.isProven);
    const relay =
      bestOf(others, (path) => !path.isDirect && !isDead(path, nowMs)) ??
      bestOf(others, (path) => !path.isDirect);
    const direct = bestOf(others, (path) => path.isDirect && !isDead(path, nowMs));
    return [relay, direct].filter((path) => path !== null);
  }

  /** Where the next media packet goes: one path, or a few for a moment. */
  routes(paths: readonly Path[], nowMs: number): Path[] {
    if (this.#current === null) return [];
    const routes = new Set([this.#current]);
    if (this.#leaving !== null && nowMs < this.#leaving.untilMs) routes.add(this.#leaving.path);
    if (this.#trial !== null) routes.add(this.#trial.before);
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

  /** When {@link update} has something to look at. */
  deadline(jitterMs: number, isTalking: boolean): number {
    const path = this.#current;
    if (path === null) return Number.POSITIVE_INFINITY;
    if (this.#suspectedAtMs !== null) return this.#reviewAtMs;
    const due = [this.#overdueAt(path)];
    if (isTalking && this.#hasMediaToMiss) due.push(this.#mediaHeardAtMs + suspectSilence(jitterMs));
    if (this.#better !== null) due.push(this.#better.sinceMs + BETTER_FOR_MS);
    if (this.#trial !== null) due.push(this.#trial.untilMs);
    return Math.min(...due);
  }

  /** When the first unanswered ping of the path in use is overdue; what it missed as a spare does not count. */
  #overdueAt(path: Path): number {
    if (path.unansweredSinceMs === null || path.rttMs === null) return Number.POSITIVE_INFINITY;
    return Math.max(path.unansweredSinceMs, this.#clearedAtMs) + answerTimeMs(path);
  }

  get #hasMediaToMiss(): boolean {
    return this.#mediaHeardAtMs > this.#clearedAtMs;
  }

  /** Audio came in, on whatever path: the peer's choice need not be ours. */
  noteMedia(nowMs: number): void {
    this.#mediaHeardAtMs = nowMs;
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
    this.#firstAnswer = null;
    this.#isDeaf = false;
    this.#reviewAtMs = nowMs + LEAVE_SILENCE_MS;
    return true;
  }

  /**
   * The path in use answered a ping that was sent at that time, after so many packets. That it answers is not enough
   * for a path that carries audio: some lose what is larger than a check, so audio must arrive from one answer to the next.
   */
  noteAnswered(path: Path, ping: { sentAtMs: number; sentPackets: number }, nowMs: number): void {
    if (path !== this.#current) return;
    const { confirmedPackets } = path;
    if (this.#trial !== null && confirmedPackets !== this.#trial.confirmedPackets) this.#trial = null;
    if (this.#suspectedAtMs === null || ping.sentAtMs < this.#suspectedAtMs) return;
    const first = this.#firstAnswer;
    if (this.#isTalking && first === null) {
      this.#firstAnswer = { sentPackets: ping.sentPackets, confirmedPackets };
      return;
    }
    this.#isDeaf =
      first !== null && confirmedPackets === first.confirmedPackets && ping.sentPackets !== first.sentPackets;
    if (this.#isDeaf) return;
    this.#suspectedAtMs = null;
    this.#clearedAtMs = nowMs;
  }

  /** Looks at everything that is known. Returns whether the path was newly suspected, and a switch if there is one. */
  update(
    paths: readonly Path[],
    options: { nowMs: number; jitterMs: number; isTalking: boolean },
  ): { suspected: boolean; switched: Switched | null } {
    const { nowMs } = options;
    this.#isTalking = options.isTalking;
    if (nowMs >= this.#reviewAtMs) this.#reviewAtMs = Number.POSITIVE_INFINITY;
    const current = this.#current;
    if (current === null || !paths.includes(current)) {
      const first = bestOf(paths, (path) => path.isProven);
      const reason = current === null ? 'first' : 'gone';
      if (first === null) this.#forget();
      return { suspected: false, switched: first && this.#switchTo(first, reason, paths, nowMs) };
    }
    const failed = this.#endTrial(current, paths, nowMs);
    if (failed !== null) return { suspected: false, switched: failed };
    const suspected = this.#isSilent(current, options) && this.#suspect(nowMs);
    const switched = this.isSuspected
      ? this.#leaveIfDead(current, paths, nowMs)
      : this.#takeBetter(current, paths, nowMs);
    return { suspected, switched };
  }

  #endTrial(current: Path, paths: readonly Path[], nowMs: number): Switched | null {
    if (this.#trial === null || nowMs < this.#trial.untilMs) return null;
    const { before } = this.#trial;
    this.#trial = null;
    if (!paths.includes(before) || isDead(before, nowMs) || current.sentPackets === 0) return null;
    return this.#switchTo(before, 'better', paths, nowMs);
  }

  /** The path in use is gone, and there is no other. */
  #forget(): void {
    this.#trial = null;
    this.#current = null;
    this.#leaving = null;
    this.#suspectedAtMs = null;
    this.#better = null;
  }

  #isSilent(path: Path, options: { nowMs: number; jitterMs: number; isTalking: boolean }): boolean {
    if (options.nowMs >= this.#overdueAt(path)) return true;
    if (!options.isTalking || !this.#hasMediaToMiss) return false;
    return options.nowMs >= this.#mediaHeardAtMs + suspectSilence(options.jitterMs);
  }

  #leaveIfDead(current: Path, paths: readonly Path[], nowMs: number): Switched | null {
    const suspectedAtMs = this.#suspectedAtMs!;
    const heardAtMs = current.heardAtMs ?? Number.NEGATIVE_INFINITY;
    // On a long path many pings are out that cannot have been answered yet; meanwhile the spares carry all.
    if (nowMs < suspectedAtMs + answerTimeMs(current)) return null;
    if (nowMs < suspectedAtMs + LEAVE_SILENCE_MS && !isDead(current, nowMs)) return null;
    // Being heard is not enough: what fails in one direction only is heard, too.
    const answered = (path: Path) => (path.answeredPingAtMs ?? Number.NEGATIVE_INFINITY) >= suspectedAtMs;
    const spares = paths.filter((path) => path !== current && answered(path));
    const isLate = nowMs >= suspectedAtMs + LEAVE_FOR_LIKE_MS;
    const spare = bestOf(spares, (path) => isLate || !isLike(path, current, suspectedAtMs));
    if (spare === null) return null;
    if (heardAtMs > suspectedAtMs && !this.#isDeaf && current.unanswered < 2) return null;
    // It has answered since; the next answer, which tells whether audio arrives, is not due yet.
    const nextAnswerAtMs = (current.answeredPingAtMs ?? 0) + PING_APART_MS + answerTimeMs(current);
    if (answered(current) && !this.#isDeaf && nowMs < nextAnswerAtMs) return null;
    return this.#switchTo(spare, 'silent', paths, nowMs);
  }

  #takeBetter(current: Path, paths: readonly Path[], nowMs: number): Switched | null {
    const other = bestOf(
      paths,
      (path) =>
        !isLike(path, current, nowMs) &&
        path.isProven &&
        path.unanswered === 0 &&
        nowMs >= path.heldUntilMs &&
        path.provenAtMs! > this.#silentAtMs,
    );
    if (other === null) return this.#notBetter();
    const gain = scoreOf(other) - scoreOf(current);
    if (!current.isDirect && other.isDirect) {
      if (gain >= -DIRECT_MAY_BE_WORSE_BY) return this.#switchTo(other, 'direct-proven', paths, nowMs);
      return this.#notBetter();
    }
    if (gain < BETTER_BY) return this.#notBetter();
    if (this.#better?.path !== other) this.#better = { path: other, sinceMs: nowMs };
    if (nowMs < this.#better.sinceMs + BETTER_FOR_MS) return null;
    return this.#switchTo(other, 'better', paths, nowMs);
  }

  #notBetter(): null {
    this.#better = null;
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
      if (reason !== 'direct-proven')
        for (const one of paths)
          if (one !== path && isLike(one, before, this.#suspectedAtMs ?? nowMs))
            hold(one, reason === 'better' || this.#isDeaf || losesAudio(before), nowMs);
    }
    if (reason === 'silent') this.#silentAtMs = nowMs;
    this.#current = path;
    this.#trial = null;
    if (this.#isTalking && reason !== 'silent') this.tryOut(before, nowMs);
    this.#suspectedAtMs = null;
    this.#clearedAtMs = nowMs;
    this.#better = null;
    return { path, reason };
  }
}

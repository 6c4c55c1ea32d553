import { answerTimeMs, suspectSilence } from './judge-path.ts';
import type { Path } from './path.ts';

/** A suspected path that has been silent for so long, while the spare is heard, is left, ms. */
export const LEAVE_SILENCE_MS = 150;
/** The pings of a suspected path are so far apart, ms. */
export const PING_APART_MS = 50;
/** After the path in use was found to be well, or was left, what the peer misses may be from before, ms. */
const IGNORE_PEER_MS = 100;

/** A path that has never answered is suspected once audio goes there and the first ping is so old, ms: the peer may never have been there. */
const FIRST_ANSWER_MS = 600;
/** Second copies are signs of life for so long after the last new packet, ms: no path is slower than another one by more. */
const COPIES_COUNT_FOR_MS = 500;

/** What ping there was: when, and after so many media packets. */
interface PingSent {
  sentAtMs: number;
  sentPackets: number;
}

/**
 * Whether the path in use has fallen silent: audio is missing, an answer is overdue, or the peer says that it misses ours.
 * It ends when the path answers twice and audio has arrived in between.
 */
export class Suspicion {
  #sinceMs: number | null = null;
  /** Of the first answer after suspicion: so much audio had been sent and had arrived. */
  #firstAnswer: { sentPackets: number; confirmedPackets: number } | null = null;
  /** It answers again, and audio has not arrived meanwhile: what is large does not pass. */
  isDeaf = false;
  /** When a suspected path is to be looked at again, whatever arrives. */
  #reviewAtMs = Number.POSITIVE_INFINITY;
  #mediaHeardAtMs = Number.NEGATIVE_INFINITY;
  #newMediaAtMs = Number.NEGATIVE_INFINITY;
  /** Media silence counts only for media that was heard after this. */
  #clearedAtMs = Number.NEGATIVE_INFINITY;

  /** Since when; null while all is well. */
  get sinceMs(): number | null {
    return this.#sinceMs;
  }

  /** Audio came in, on whatever path: the peer's choice need not be ours. */
  noteMedia(nowMs: number): void {
    this.#mediaHeardAtMs = nowMs;
    this.#newMediaAtMs = nowMs;
  }

  /**
   * A second copy came in. Where a faster path carried copies and does so no more, all that comes for a while are these: the
   * slower one is not silent. They may be replayed, so not for long.
   */
  noteCopy(nowMs: number): void {
    if (nowMs < this.#newMediaAtMs + COPIES_COUNT_FOR_MS) this.#mediaHeardAtMs = nowMs;
  }

  /** Whether audio of the peer should have been here. */
  misses(jitterMs: number, nowMs: number): boolean {
    const heard = this.#mediaHeardAtMs;
    return heard !== Number.NEGATIVE_INFINITY && nowMs >= heard + suspectSilence(jitterMs);
  }

  /** When there is reason for suspicion, or a suspected path is to be looked at. */
  deadline(path: Path, jitterMs: number, isTalking: boolean): number {
    if (this.#sinceMs !== null) return this.#reviewAtMs;
    const overdueAtMs = this.#overdueAtMs(path, isTalking);
    if (!isTalking || !this.#hasMediaToMiss) return overdueAtMs;
    return Math.min(overdueAtMs, this.#mediaHeardAtMs + suspectSilence(jitterMs));
  }

  /** When the first unanswered ping of the path in use is overdue; what it missed as a spare does not count. */
  #overdueAtMs(path: Path, isTalking: boolean): number {
    const isMeasured = path.rttMs !== null;
    if (path.unansweredSinceMs === null || !(isMeasured || isTalking)) return Number.POSITIVE_INFINITY;
    const mayTakeMs = isMeasured ? answerTimeMs(path) : FIRST_ANSWER_MS;
    return Math.max(path.unansweredSinceMs, this.#clearedAtMs) + mayTakeMs;
  }

  get #hasMediaToMiss(): boolean {
    return this.#mediaHeardAtMs > this.#clearedAtMs;
  }

  /** Whether there is reason for it that we see ourselves. */
  isDue(path: Path, options: { nowMs: number; jitterMs: number; isTalking: boolean }): boolean {
    if (this.#sinceMs !== null) return false;
    if (options.nowMs >= this.#overdueAtMs(path, options.isTalking)) return true;
    return options.isTalking && this.#hasMediaToMiss && this.misses(options.jitterMs, options.nowMs);
  }

  /** The peer says that it misses our audio. False while that may be an old story. */
  isDueByPeer(path: Path, nowMs: number): boolean {
    return this.#sinceMs === null && nowMs >= this.#clearedAtMs + IGNORE_PEER_MS + answerTimeMs(path);
  }

  begin(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#firstAnswer = null;
    this.isDeaf = false;
    this.#reviewAtMs = nowMs + LEAVE_SILENCE_MS;
  }

  end(nowMs: number): void {
    this.#sinceMs = null;
    this.#clearedAtMs = nowMs;
  }

  /** Once past, a review is over: whatever arrives brings the next one. */
  noteReview(nowMs: number): void {
    if (nowMs >= this.#reviewAtMs) this.#reviewAtMs = Number.POSITIVE_INFINITY;
  }

  /**
   * The path in use answered. That it answers is not enough for a path that carries audio: some lose what is larger than a
   * check, so audio must arrive from one answer to the next.
   */
  noteAnswered(path: Path, ping: PingSent, isTalking: boolean, nowMs: number): void {
    if (this.#sinceMs === null || ping.sentAtMs < this.#sinceMs) return;
    const { confirmedPackets } = path;
    const first = this.#firstAnswer;
    if (isTalking && first === null) {
      this.#firstAnswer = { sentPackets: ping.sentPackets, confirmedPackets };
      return;
    }
    this.isDeaf =
      first !== null && confirmedPackets === first.confirmedPackets && ping.sentPackets !== first.sentPackets;
    if (!this.isDeaf) this.end(nowMs);
  }
}

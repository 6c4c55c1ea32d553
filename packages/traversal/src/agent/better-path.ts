import { bestOf, hold, hostOf, isDead, isLossy, isSameWay, sharesLoss } from './judge-path.ts';
import type { Path } from './path.ts';
import { favourableScoreOf, hopefulScoreOf, losslessScoreOf, scoreOf } from './score.ts';

/** Points of R by which another path must be better; a direct one may even be a little worse than a relay. */
const BETTER_BY = 4;
const DIRECT_MAY_BE_WORSE_BY = 2;
/** A better path must have been better for so long, ms, so that one lucky ping decides nothing. */
const BETTER_FOR_MS = 400;
/** After a direct path was left for its loss, new ones to the same hosts are believed no more than that one, for so long, ms. */
const DISTRUST_MS = 120_000;
/** A path that was left carries copies for so long, ms, before it is taken again: bursts of loss are a second apart. */
const AUDITION_MS = 3000;

/** Loss that copies make up for, percent: they leave 0.8 of 30 (bench/voice). */
const COVERED_LOSS_PCT = 30;

export interface Better {
  path: Path;
  reason: 'direct-proven' | 'better';
}

/**
 * Looks for a path that is better than the one in use, with hysteresis. One that has let us down before is not believed for
 * its round trip alone: it auditions, with copies of what the other one carries, until its loss is known.
 */
export class BetterPath {
  #better: { path: Path; sinceMs: number } | null = null;
  #audition: { path: Path; endsAtMs: number } | null = null;
  #distrusted: { hosts: ReadonlySet<string>; untilMs: number } | null = null;

  /** Carries a copy of everything, to be heard. */
  get auditioning(): Path | null {
    return this.#audition?.path ?? null;
  }

  get deadline(): number {
    const betterAtMs =
      this.#better === null ? Number.POSITIVE_INFINITY : this.#better.sinceMs + BETTER_FOR_MS;
    return Math.min(betterAtMs, this.#audition?.endsAtMs ?? Number.POSITIVE_INFINITY);
  }

  forget(): void {
    this.#better = null;
    this.#audition = null;
  }

  /** A direct path was left because it loses audio, and so may these. */
  distrust(paths: readonly Path[], nowMs: number): void {
    const hosts = paths.filter(({ isDirect }) => isDirect).map(({ remote }) => hostOf(remote));
    this.#distrusted = { hosts: new Set(hosts), untilMs: nowMs + DISTRUST_MS };
  }

  /** We are in another network: nothing that was lost before counts. */
  handleNetworkChange(): void {
    this.#distrusted = null;
  }

  /** Whether a path is good for all that is known of it: it was not left before, and is not likely to lose what others do. */
  #isBelieved(path: Path, current: Path, nowMs: number): boolean {
    if (path.isDoubted || ((current.lossPct ?? 0) > 0 && sharesLoss(path, current))) return false;
    const { hosts, untilMs } = this.#distrusted ?? { hosts: null, untilMs: 0 };
    return hosts === null || nowMs >= untilMs || !path.isDirect || !hosts.has(hostOf(path.remote));
  }

  /** Whether there is a path that is better as far as anybody knows: it is taken as soon as it has answered. */
  isInSight(current: Path, paths: readonly Path[], nowMs: number): boolean {
    return paths.some(
      (path) =>
        !isSameWay(path, current, nowMs) &&
        path.isProven &&
        this.#isBelieved(path, current, nowMs) &&
        nowMs >= path.heldUntilMs &&
        !isDead(path, nowMs) &&
        isWorthIt(current, path, scoreOf),
    );
  }

  /**
   * @param options.sinceMs what has not been proven since then is not believed
   * @param options.partner carries copies of everything, because the path in use is lossy
   */
  find(
    current: Path,
    paths: readonly Path[],
    options: { nowMs: number; sinceMs: number; isTalking: boolean; partner: Path | null },
  ): Better | null {
    const { nowMs, sinceMs, isTalking, partner } = options;
    const heard = this.#endAudition(current, paths, nowMs);
    if (heard !== null) return heard;
    // Of two that are both lossy, now this and now that one is better.
    const isLossyPartner = (path: Path) => path === partner && (path.isDoubted || isLossy(path));
    const fits = (path: Path) =>
      !isLossyPartner(path) &&
      path.isProven &&
      path.unanswered === 0 &&
      nowMs >= path.heldUntilMs &&
      path.provenAtMs! > sinceMs &&
      !isSameWay(path, current, nowMs);
    if (isTalking && this.#audition === null) {
      const other = bestOf(
        paths,
        (path) => !this.#isBelieved(path, current, nowMs) && fits(path),
        hopefulScoreOf,
      );
      if (other !== null && isWorthIt(current, other, hopefulScoreOf))
        this.#audition = { path: other, endsAtMs: nowMs + AUDITION_MS };
    }
    return this.#takeBetter(
      current,
      bestOf(paths, (path) => (!isTalking || this.#isBelieved(path, current, nowMs)) && fits(path)),
      nowMs,
    );
  }

  #takeBetter(current: Path, other: Path | null, nowMs: number): Better | null {
    if (other === null || !isWorthIt(current, other, scoreOf)) {
      this.#better = null;
      return null;
    }
    if (isPreferred(current, other)) return { path: other, reason: 'direct-proven' };
    // Loss is seen over 2 s and does not go by; only round trips are a matter of luck.
    if (scoreOf(other) - losslessScoreOf(current) < BETTER_BY) return { path: other, reason: 'better' };
    if (!current.roundTrips.isFull) {
      this.#better = null;
      return null;
    }
    if (this.#better?.path !== other) this.#better = { path: other, sinceMs: nowMs };
    return nowMs >= this.#better.sinceMs + BETTER_FOR_MS ? { path: other, reason: 'better' } : null;
  }

  #endAudition(current: Path, paths: readonly Path[], nowMs: number): Better | null {
    if (this.#audition === null) return null;
    const { path, endsAtMs } = this.#audition;
    const isGone = !paths.includes(path) || path === current;
    if (isGone || isDead(path, nowMs)) {
      this.#audition = null;
      return null;
    }
    if (!isLossy(path) && nowMs < endsAtMs) return null;
    this.#audition = null;
    if (!isLossy(path) && path.lossPct !== null && isWorthIt(current, path, scoreOf)) {
      path.trust();
      return { path, reason: isPreferred(current, path) ? 'direct-proven' : 'better' };
    }
    hold(path, true, nowMs);
    path.doubt();
    return null;
  }
}

const isPreferred = (current: Path, other: Path): boolean => !current.isDirect && other.isDirect;

/**
 * Over TCP what is lost makes all that follows late, and who loses datagrams on one path is likely to lose segments on the other: what
 * copies make up for is no reason to go there.
 */
const valueAgainst = (current: Path, other: Path): number => {
  const isForTcp = other.transport === 'tcp' && current.transport === 'udp';
  if (isForTcp && (current.lossPct ?? 0) <= COVERED_LOSS_PCT) return losslessScoreOf(current);
  return isPreferred(current, other) ? scoreOf(current) : favourableScoreOf(current);
};

const isWorthIt = (current: Path, other: Path, scoreOfOne: (path: Path) => number): boolean =>
  scoreOfOne(other) - valueAgainst(current, other) >=
  (isPreferred(current, other) ? -DIRECT_MAY_BE_WORSE_BY : BETTER_BY);

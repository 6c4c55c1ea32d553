import { areDisjoint, bestOf, isDead } from './judge-path.ts';
import type { Path } from './path.ts';

/**
 * Two paths at once, each packet on both, while no single one is good. The budget: one path besides the one in use, never
 * more; each of the two carries what it would carry alone, so that no relay sees more of a flow than it allows; and it ends
 * when one is good again, or when it makes things worse.
 */

/** A path that has lost less than this share, percent, for so long, ms, does alone. */
const CLEAN_PCT = 1;
const CLEAN_FOR_MS = 5000;
/**
 * Where both share a narrow link, sending twice makes it worse: the path in use has then lost more than this share, percent, in
 * so many ms, and twice as much as before. It is left at that for so long, ms.
 */
const DROWNING_PCT = 20;
const DROWNING_LOOK_MS = 5000;
const DROWNED_FOR_MS = 60_000;

export class Pair {
  #partner: Path | null = null;
  #begunAtMs = 0;
  #begunWith = { lossPct: 0, asked: 0, confirmed: 0 };
  #hasLooked = false;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  /** Since when each of the two has been clean. */
  #cleanSinceMs: { current: number | null; partner: number | null } = { current: null, partner: null };

  /** Carries a copy of everything; null while one path does. */
  get partner(): Path | null {
    return this.#partner;
  }

  end(): void {
    this.#partner = null;
  }

  /** One of the two has fallen silent, and the call goes on by `path`: with two paths still, until it is known to be good. */
  goOn(path: Path, before: Path | null): void {
    if (this.#partner === path) this.#partner = before;
    this.#cleanSinceMs = { current: null, partner: null };
  }

  /** The path in use is lossy, and there is nothing better to change to. */
  begin(current: Path, paths: readonly Path[], nowMs: number): void {
    if (this.#partner !== null || nowMs < this.#notBeforeMs) return;
    const isFit = (path: Path) => path.isProven && areDisjoint(path, current) && !isDead(path, nowMs);
    this.#partner = bestOf(paths, isFit);
    this.#begunAtMs = nowMs;
    this.#begunWith = {
      lossPct: current.lossPct ?? 0,
      asked: current.askedPackets,
      confirmed: current.confirmedPackets,
    };
    this.#hasLooked = false;
    this.#cleanSinceMs = { current: null, partner: null };
  }

  /** Ends it when it is time. Returns the partner when that does alone, and the path in use does not. */
  review(current: Path, paths: readonly Path[], nowMs: number): Path | null {
    const partner = this.#partner;
    if (partner === null) return null;
    if (!paths.includes(partner) || isDead(partner, nowMs)) {
      this.end();
      return null;
    }
    const { current: currentSinceMs, partner: partnerSinceMs } = this.#noteClean(current, partner, nowMs);
    if (lasted(currentSinceMs, nowMs)) {
      this.end();
      return null;
    }
    if (lasted(partnerSinceMs, nowMs)) {
      this.end();
      return partner;
    }
    if (!this.#hasLooked && nowMs >= this.#begunAtMs + DROWNING_LOOK_MS) this.#look(current, nowMs);
    return null;
  }

  #noteClean(
    current: Path,
    partner: Path,
    nowMs: number,
  ): { current: number | null; partner: number | null } {
    const since = this.#cleanSinceMs;
    this.#cleanSinceMs = {
      current: isClean(current) ? (since.current ?? nowMs) : null,
      partner: isClean(partner) ? (since.partner ?? nowMs) : null,
    };
    return this.#cleanSinceMs;
  }

  #look(current: Path, nowMs: number): void {
    this.#hasLooked = true;
    const { lossPct, asked, confirmed } = this.#begunWith;
    const sent = current.askedPackets - asked;
    if (sent <= 0) return;
    const nowPct = (100 * (sent - (current.confirmedPackets - confirmed))) / sent;
    if (nowPct < Math.max(DROWNING_PCT, 2 * lossPct)) return;
    this.end();
    this.#notBeforeMs = nowMs + DROWNED_FOR_MS;
  }
}

const isClean = ({ lossPct }: Path): boolean => lossPct !== null && lossPct < CLEAN_PCT;

const lasted = (sinceMs: number | null, nowMs: number): boolean =>
  sinceMs !== null && nowMs >= sinceMs + CLEAN_FOR_MS;

import { areDisjoint, bestOf, isDead } from './judge-path.ts';
import type { Path } from './path.ts';

/**
 * Two paths at once, each packet on both, while no single one is good. The budget: one path besides the one in use, never
 * more; each of the two carries what it would carry alone, so that no relay sees more of a flow than it allows; and it ends
 * when one is good again, or when it makes things worse.
 */

/** The loss of the path in use is to be known from so many packets, 0.5 s: what comes of two is compared with it. */
const KNOWN_FROM_PACKETS = 25;
/** A path that has lost less than this share, percent, for so long, ms, does alone. */
const CLEAN_PCT = 1;
const CLEAN_FOR_MS = 5000;
/** One that answers nothing for so long, ms, is of no use: lossy ones lose some pings in a row, too. */
const SILENT_FOR_MS = 1000;
/**
 * Where both share a narrow link, sending twice makes it worse. Who loses this share, percent, of so many packets on the path in use
 * stops for a moment, ms; if that path then loses less than this part of it, two paths were to blame, and are not tried
 * again for a while, ms. If not, they go on for as long without another look.
 */
const DROWNING_PCT = 20;
const DROWNING_LOOK_PACKETS = 200;
const SINGLE_FOR_MS = 3000;
const RELIEVED_PART = 0.7;
const NOT_AGAIN_MS = 60_000;

export class Pair {
  #partner: Path | null = null;
  /** Counts of the path in use, and from when it is looked whether two make it worse. */
  #begunWith = { asked: 0, confirmed: 0 };
  #looksFromMs = Number.NEGATIVE_INFINITY;
  /** Stopped to see what one path loses alone. */
  #stopped: { lossPct: number; atMs: number } | null = null;
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
    this.#start(path);
  }

  /** The path in use is lossy, and there is nothing better to change to. */
  begin(current: Path, paths: readonly Path[], nowMs: number): void {
    if (this.#partner !== null || current.lossPackets < KNOWN_FROM_PACKETS) return;
    if (this.#stopped !== null && !this.#mayGoOn(this.#stopped, current, nowMs)) return;
    const isFit = (path: Path) => path.isProven && areDisjoint(path, current) && !isDead(path, nowMs);
    this.#partner = bestOf(paths, isFit);
    this.#start(current);
  }

  #start(current: Path): void {
    this.#count(current);
    this.#cleanSinceMs = { current: null, partner: null };
  }

  #count({ askedPackets: asked, confirmedPackets: confirmed }: Path): void {
    this.#begunWith = { asked, confirmed };
  }

  #mayGoOn(stopped: { lossPct: number; atMs: number }, current: Path, nowMs: number): boolean {
    if (nowMs < stopped.atMs + SINGLE_FOR_MS) return false;
    const isAsBad = (current.lossPct ?? 0) >= RELIEVED_PART * stopped.lossPct;
    if (!isAsBad && nowMs < stopped.atMs + NOT_AGAIN_MS) return false;
    this.#stopped = null;
    this.#looksFromMs = isAsBad ? nowMs + NOT_AGAIN_MS : nowMs;
    return true;
  }

  /** Ends it when it is time. Returns the partner when that does alone, and the path in use does not. */
  review(current: Path, paths: readonly Path[], nowMs: number): Path | null {
    const partner = this.#partner;
    if (partner === null) return null;
    const isSilent = partner.unansweredSinceMs !== null && nowMs >= partner.unansweredSinceMs + SILENT_FOR_MS;
    if (!paths.includes(partner) || (isSilent && isDead(partner, nowMs))) {
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
    if (nowMs >= this.#looksFromMs) this.#look(current, nowMs);
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
    const { asked, confirmed } = this.#begunWith;
    const sent = current.askedPackets - asked;
    if (sent < DROWNING_LOOK_PACKETS) return;
    const lossPct = (100 * (sent - (current.confirmedPackets - confirmed))) / sent;
    this.#count(current);
    if (lossPct < DROWNING_PCT) return;
    this.end();
    this.#stopped = { lossPct, atMs: nowMs };
  }
}

const isClean = ({ lossPct }: Path): boolean => lossPct !== null && lossPct < CLEAN_PCT;

const lasted = (sinceMs: number | null, nowMs: number): boolean =>
  sinceMs !== null && nowMs >= sinceMs + CLEAN_FOR_MS;

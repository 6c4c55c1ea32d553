import type { SupernodeMessage } from '@overcall/wire';
import { quarterJitter } from '../jitter.ts';
import { AttemptPace } from './attempt-pace.ts';
import { chooseSupernode } from './choose-supernode.ts';
import {
  costBeside,
  costOf,
  enter,
  isKeptAndOutdated,
  isTried,
  isUsable,
  isWell,
  type KnownSupernode,
  type ListedChoice,
  type RememberedSupernode,
} from './known-supernode.ts';
import { KnownSupernodes } from './known-supernodes.ts';
import { type Busy, type LeaveReason, whoIsLeft } from './leaving.ts';
import { MOVE_SPREAD_MS } from './moves.ts';
import { nextToRenew, RENEW_HURRY_MS } from './renewal.ts';

/** One in use and a warm spare. */
export const WANTED_ATTACHMENTS = 2;
/** A presence record names no more. */
const MAX_ANNOUNCED = 4;
/** After this an attach is not waited for alone: others are tried beside it, so many at once at most, ms. */
const HANG_MS = 1500;
const MAX_ATTACHING = 4;
/** A connection that held so long was good, ms. */
const STOOD_MS = 60_000;
/** How long one that does not relay is left alone: at least half of this. */
const PENALTY = { firstMs: 30_000, lastMs: 600_000 };
/** Time between two rounds of measuring, spread by a quarter; the first is at the start, the next while a pair improves, ms. */
const MEASURE_INTERVAL_MS = 300_000;
const IMPROVE_INTERVAL_MS = 10_000;
/** How long answers to measurements are waited for; calls are not disturbed and looked for again after as long, ms. */
const COMPARE_AFTER_MS = 2000;
/** A supernode is left for another one only if that is better by this share and so many ms: nobody moves for noise. */
const BETTER_SHARE = 0.2;
const BETTER_MS = 10;
/** One that asked us to go is not chosen again for so long, ms: a crowded one has to empty, one that stops may be back at once. */
const MOVED_AWAY_MS = 60_000;
const STOPPED_AWAY_MS = 15_000;

type Move = Extract<SupernodeMessage, { t: 'move' }>;

export type AttachOutput =
  /** Ask these for a round trip over UDP. */
  | { type: 'measure'; supernodes: string[] }
  | { type: 'attach'; supernode: string }
  | { type: 'leave'; supernode: string; reason: LeaveReason }
  /** Where this softphone is to be found has changed; the best first. */
  | { type: 'announce'; supernodes: string[] };

/**
 * To which supernodes a softphone is attached: a good one and a warm spare, in different networks where possible. Life
 * cycle: `setListed`, then inputs as they come; after each of them, and at `deadline`, `poll` says what to do.
 */
export class AttachPolicy {
  readonly #supernodes: KnownSupernodes;
  readonly #random: () => number;
  readonly #pace: AttemptPace;
  readonly #outputs: AttachOutput[] = [];
  #busy: Busy = { inUse: new Set(), isCalm: true };
  #measureAtMs = 0;
  #measuredAtMs = Number.NEGATIVE_INFINITY;
  #compareAtMs = Number.POSITIVE_INFINITY;
  #announced = '';
  #renewLateMs = Number.POSITIVE_INFINITY;
  /** When {@link poll} has something to do. */
  deadline = 0;

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.#random = random;
    this.#supernodes = new KnownSupernodes(random);
    this.#pace = new AttemptPace(random);
  }

  /** What was good when this softphone ran last; before the first list. */
  remember(remembered: readonly RememberedSupernode[]): void {
    this.#supernodes.remember(remembered);
  }

  get memory(): RememberedSupernode[] {
    return this.#supernodes.memory;
  }

  /** A newer list; those in use that it does not name are left. */
  setListed(listed: readonly ListedChoice[], nowMs: number): void {
    for (const known of this.#supernodes.setListed(listed, nowMs))
      this.#startMove(known, MOVE_SPREAD_MS, nowMs);
  }

  setBusy(busy: Busy): void {
    this.#busy = busy;
  }

  /** The attached ones, the best first; those that are silent or do not relay come last. */
  ranked(nowMs: number): string[] {
    const rank = (known: KnownSupernode) => (!isWell(known) ? 2 : isUsable(known, nowMs) ? 0 : 1);
    const attached = this.#supernodes.attached();
    return attached.sort((a, b) => rank(a) - rank(b) || costOf(a) - costOf(b)).map(({ id }) => id);
  }

  /** Those of {@link ranked} that are well and have not asked us to go; all of them when there is no such one. */
  staying(nowMs: number): string[] {
    const ranked = this.ranked(nowMs);
    const staying = ranked.filter((id) => {
      const known = this.#supernodes.get(id)!;
      return isWell(known) && known.move === null;
    });
    return staying.length > 0 ? staying : ranked;
  }

  /** Round trip over UDP; null when there was no answer. */
  handleMeasured(id: string, rttMs: number | null, nowMs: number): void {
    const known = this.#supernodes.get(id);
    if (known === undefined) return;
    known.rttMs = rttMs;
    known.measuredAtMs = nowMs;
  }

  /**
   * Attached, because `poll` said so, or to visit it for a call.
   * @param facts.isOutdated with certificates that were renewed meanwhile
   */
  handleAttached(
    choice: ListedChoice,
    facts: { rttMs: number; load: number | null; isOutdated?: boolean },
    nowMs: number,
  ): void {
    const known = this.#supernodes.know(choice, nowMs);
    enter(known, 'attached', nowMs);
    known.isOutdated = facts.isOutdated ?? false;
    // Whatever kept us from it is over.
    known.notBeforeMs = 0;
    known.rttMs ??= facts.rttMs;
    known.load = facts.load;
    known.isOnTrial ||= known.relayFailures > 0;
    this.#pace.handleAttached();
  }

  handleFailed(id: string, retryAfterMs: number | undefined, nowMs: number): void {
    const known = this.#supernodes.get(id);
    if (known?.phase !== 'attaching') return;
    enter(known, 'idle', nowMs);
    known.failures++;
    known.notBeforeMs = this.#pace.notBeforeMs(known.failures, retryAfterMs, nowMs);
    this.#pace.handleFailed(this.#usable(nowMs).length > 0, nowMs);
  }

  /** The connection broke, or has been silent for too long. */
  handleLost(id: string, nowMs: number): void {
    const known = this.#supernodes.get(id);
    if (known?.phase !== 'attached') return;
    if (nowMs >= known.sinceMs + STOOD_MS) known.failures = 0;
    enter(known, 'idle', nowMs);
    // It forgets what we announced, so we say it again when we are back.
    this.#announced = '';
    known.failures++;
    known.notBeforeMs = this.#pace.notBeforeMs(known.failures, undefined, nowMs);
    known.rttMs = null;
    known.measuredAtMs = nowMs;
    const hasOne = this.#usable(nowMs).length > 0;
    if (!hasOne && nowMs >= this.#measuredAtMs + COMPARE_AFTER_MS) this.#measureAtMs = nowMs;
    this.#pace.handleLost(hasOne, this.#busy.isCalm, nowMs);
  }

  /**
   * There are new certificates, which no supernode has seen.
   * @param cutOffInMs how long we stay attached where the old ones were shown
   */
  handleRenewed(cutOffInMs: number, nowMs: number): void {
    for (const known of this.#supernodes.attached()) known.isOutdated = true;
    this.#renewLateMs = nowMs + cutOffInMs - RENEW_HURRY_MS;
  }

  /** Whether probes come back through the relay of one that is attached. */
  handleRelay(id: string, works: boolean, nowMs: number): void {
    const known = this.#supernodes.get(id);
    if (known?.phase !== 'attached') return;
    known.isProven = works;
    if (works) {
      known.isSuspect = false;
      known.relayFailures = 0;
      known.penaltyUntilMs = 0;
    } else if (!known.isCondemned) {
      known.relayFailures++;
      const mostMs = Math.min(PENALTY.lastMs, PENALTY.firstMs * 2 ** (known.relayFailures - 1));
      known.penaltyUntilMs = nowMs + mostMs * (0.5 + this.#random() / 2);
    }
    known.isCondemned = !works;
  }

  /** There is no way to probe its relay from here: being attached has to do. */
  handleUnprovable(id: string): void {
    const known = this.#supernodes.get(id);
    if (known?.phase === 'attached') known.isOnTrial = false;
  }

  /** An attached one is silent for longer than usual, or no more. */
  handleSuspect(id: string, isSuspect: boolean): void {
    const known = this.#supernodes.get(id);
    if (known?.phase === 'attached') known.isSuspect = isSuspect;
  }

  /** A call does not need it any more. */
  handleVisitOver(id: string, nowMs: number): void {
    const known = this.#supernodes.get(id);
    if (known?.phase === 'attached' && !known.isKept && !this.#busy.inUse.has(id))
      this.#leaveOne(known, 'visit-over', nowMs);
  }

  /** It would rather have us elsewhere. */
  handleMove(id: string, { reason, withinMs }: Pick<Move, 'reason' | 'withinMs'>, nowMs: number): void {
    const known = this.#supernodes.get(id);
    if (known?.phase !== 'attached') return;
    // While it drains it refuses us, and the pauses between attempts take over.
    known.notBeforeMs = nowMs + (reason === 'draining' ? STOPPED_AWAY_MS : MOVED_AWAY_MS);
    this.#startMove(known, withinMs, nowMs);
  }

  #startMove(known: KnownSupernode, withinMs: number, nowMs: number): void {
    // The first half for finding another one, each softphone at a moment of its own; the rest for getting there.
    known.move ??= { fromMs: nowMs + this.#random() * withinMs * 0.5, byMs: nowMs + withinMs * 0.9 };
  }

  /** This machine is in another network: nothing that was measured holds. */
  handleNetworkChange(nowMs: number): void {
    for (const known of this.#supernodes.all()) {
      known.rttMs = null;
      known.measuredAtMs = null;
    }
    this.#measureAtMs = nowMs;
  }

  /** What to do now. */
  poll(nowMs: number): AttachOutput[] {
    this.deadline = Number.POSITIVE_INFINITY;
    if (this.#supernodes.listed > 0) {
      this.#measure(nowMs);
      this.#leave(nowMs);
      this.#renew(nowMs);
      this.#improve(nowMs);
      this.#fill(nowMs);
      this.#announce();
    }
    return this.#outputs.splice(0);
  }

  #wakeAt(atMs: number): void {
    this.deadline = Math.min(this.deadline, atMs);
  }

  #measure(nowMs: number): void {
    if (nowMs >= this.#measureAtMs) {
      this.#measuredAtMs = nowMs;
      this.#measureAtMs = nowMs + quarterJitter(MEASURE_INTERVAL_MS, this.#random);
      this.#compareAtMs = nowMs + COMPARE_AFTER_MS;
      const supernodes = this.#supernodes.sample(nowMs).map(({ id }) => id);
      this.#outputs.push({ type: 'measure', supernodes });
    }
    this.#wakeAt(this.#measureAtMs);
  }

  #kept(): KnownSupernode[] {
    return this.#supernodes.attached().filter(({ isKept }) => isKept);
  }

  #usable(nowMs: number): KnownSupernode[] {
    return this.#kept().filter((known) => isUsable(known, nowMs));
  }

  get #wanted(): number {
    return Math.min(WANTED_ATTACHMENTS, this.#supernodes.listed);
  }

  #leave(nowMs: number): void {
    const attached = this.#supernodes.attached();
    const usable = this.#usable(nowMs);
    const { leaves, wakeAtMs } = whoIsLeft(attached, usable, this.#wanted, this.#busy, nowMs);
    for (const { known, reason } of leaves) this.#leaveOne(known, reason, nowMs);
    this.#wakeAt(wakeAtMs);
  }

  #leaveOne(known: KnownSupernode, reason: LeaveReason, nowMs: number): void {
    enter(known, 'idle', nowMs);
    this.#outputs.push({ type: 'leave', supernode: known.id, reason });
  }

  #renew(nowMs: number): void {
    const ranked = this.ranked(nowMs).map((id) => this.#supernodes.get(id)!);
    if (!ranked.some(isKeptAndOutdated)) return;
    const usable = this.#usable(nowMs);
    const standing = { ranked, usable, wanted: this.#wanted, coming: this.#coming(nowMs) };
    const { next, wakeAtMs } = nextToRenew(standing, this.#busy, this.#renewLateMs, nowMs);
    if (next === null) {
      this.#wakeAt(wakeAtMs);
      return;
    }
    this.#leaveOne(next, 'renewed', nowMs);
    // It forgets what we announced.
    this.#announced = '';
    this.#attach(next, nowMs);
  }

  /** Once the answers are in: one of the two may be exchanged for a better one, which must prove itself first. */
  #improve(nowMs: number): void {
    if (nowMs < this.#compareAtMs) {
      this.#wakeAt(this.#compareAtMs);
      return;
    }
    const usable = this.#usable(nowMs);
    const isSettled = usable.length === this.#wanted && this.#coming(nowMs) === 0;
    this.#compareAtMs = nowMs + COMPARE_AFTER_MS;
    this.#wakeAt(this.#compareAtMs);
    if (!this.#busy.isCalm || !isSettled) return;
    this.#compareAtMs = Number.POSITIVE_INFINITY;
    const worst = usable.reduce((a, b) => (costBeside(b, usable) > costBeside(a, usable) ? b : a));
    const others = usable.filter((known) => known !== worst);
    const better = this.#candidates(nowMs).filter(
      (known) =>
        this.#isFresh(known) &&
        costBeside(known, others) < costBeside(worst, others) * (1 - BETTER_SHARE) - BETTER_MS,
    );
    const chosen = chooseSupernode(better, others, this.#measuredAtMs, this.#random);
    if (chosen === null) return;
    this.#attach(chosen, nowMs);
    chosen.isOnTrial = true;
    this.#measureAtMs = Math.min(this.#measureAtMs, nowMs + IMPROVE_INTERVAL_MS);
    this.#wakeAt(this.#measureAtMs);
  }

  #isFresh({ rttMs, measuredAtMs }: KnownSupernode): boolean {
    return rttMs !== null && measuredAtMs !== null && measuredAtMs >= this.#measuredAtMs;
  }

  /** Attaches under way, and those attached that have to prove themselves. */
  #coming(nowMs: number): number {
    return this.#supernodes
      .all()
      .filter(
        (known) =>
          (known.phase === 'attaching' && nowMs < known.sinceMs + HANG_MS) ||
          (known.phase === 'attached' &&
            known.isKept &&
            known.move === null &&
            isWell(known) &&
            isTried(known)),
      ).length;
  }

  #fill(nowMs: number): void {
    const usable = this.#usable(nowMs).length;
    // Who lost everything may be one of a crowd, and asks for one at first.
    const wanted = this.#pace.wasAttached && usable === 0 ? 1 : this.#wanted;
    let missing = wanted - usable - this.#coming(nowMs);
    for (const known of this.#supernodes.attached()) {
      if (missing <= 0) break;
      if (known.isKept || !isUsable(known, nowMs)) continue;
      known.isKept = true;
      missing--;
    }
    const attaching = this.#supernodes.all().filter(({ phase }) => phase === 'attaching');
    for (const { sinceMs } of attaching) if (nowMs < sinceMs + HANG_MS) this.#wakeAt(sinceMs + HANG_MS);
    missing = Math.min(missing, MAX_ATTACHING - attaching.length);
    if (missing <= 0) return;
    if (nowMs < this.#pace.nextMs) {
      this.#wakeAt(this.#pace.nextMs);
      return;
    }
    for (; missing > 0; missing--) {
      const candidates = this.#candidates(nowMs);
      const chosen = chooseSupernode(candidates, this.#kept(), this.#measuredAtMs, this.#random);
      if (chosen === null) break;
      this.#attach(chosen, nowMs);
    }
  }

  #attach(known: KnownSupernode, nowMs: number): void {
    enter(known, 'attaching', nowMs);
    known.isKept = true;
    this.#wakeAt(nowMs + HANG_MS);
    this.#outputs.push({ type: 'attach', supernode: known.id });
  }

  /** Who may be attached to now. One that does not relay is better than none. */
  #candidates(nowMs: number): KnownSupernode[] {
    const idle = () => this.#supernodes.all().filter(({ phase, isListed }) => phase === 'idle' && isListed);
    const ready = () => idle().filter(({ notBeforeMs }) => nowMs >= notBeforeMs);
    const good = () => ready().filter(({ penaltyUntilMs }) => nowMs >= penaltyUntilMs);
    let found = good();
    if (found.length === 0) {
      this.#supernodes.draw(nowMs);
      found = good();
    }
    if (found.length === 0 && this.#supernodes.attached().length === 0) found = ready();
    for (const { notBeforeMs, penaltyUntilMs } of idle()) {
      const atMs = Math.max(notBeforeMs, this.#supernodes.attached().length === 0 ? 0 : penaltyUntilMs);
      if (atMs > nowMs) this.#wakeAt(atMs);
    }
    return found;
  }

  #announce(): void {
    const kept = this.#kept();
    const good = kept.filter((known) => isWell(known) && !isTried(known));
    const named = (good.length > 0 ? good : kept).sort((a, b) => costOf(a) - costOf(b));
    const supernodes = named.slice(0, MAX_ANNOUNCED).map(({ id }) => id);
    const key = [...supernodes].sort().join(' ');
    if (supernodes.length === 0 || key === this.#announced) return;
    this.#announced = key;
    this.#outputs.push({ type: 'announce', supernodes });
  }
}

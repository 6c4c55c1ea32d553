/** A supernode of the signed list, as far as choosing needs it. */
export interface ListedChoice {
  /** Identity key id. */
  id: string;
  /** Networks of its addresses (/24, /48): two in one network die together. */
  prefixes: readonly string[];
}

/** What is kept on disk across starts. */
export interface RememberedSupernode {
  id: string;
  rttMs: number;
}

/** What one softphone knows of one supernode. Times are on the clock of `nowMs`. */
export interface KnownSupernode extends ListedChoice {
  /** Whether the newest list names it. */
  isListed: boolean;
  phase: 'idle' | 'attaching' | 'attached';
  /** When the phase began. */
  sinceMs: number;
  /** Round trip; null when it is not known. */
  rttMs: number | null;
  /** When it was asked last; it did not answer when `rttMs` is null. */
  measuredAtMs: number | null;
  /** As it told when we attached, 0 to 1. */
  load: number | null;
  /** Attaching failed, or the connection broke, so often in a row. */
  failures: number;
  notBeforeMs: number;
  /** It did not relay, so often in a row. */
  relayFailures: number;
  /** Not wanted before this, as long as there are others. */
  penaltyUntilMs: number;
  /** Attached to be kept, rather than visited for a call. */
  isKept: boolean;
  /** Counts only once a probe has come back through its relay: it failed before, or another one is to go for it. */
  isOnTrial: boolean;
  /** A probe has come back through its relay since we attached. */
  isProven: boolean;
  /** It does not relay: left as soon as there is another one. */
  isCondemned: boolean;
  /** It has not answered for a moment. */
  isSuspect: boolean;
  /** It has seen certificates of ours that were renewed since. */
  isOutdated: boolean;
  /** It asked us to go: when we begin to, and when we are gone; null when it did not. */
  move: { fromMs: number; byMs: number } | null;
}

export function newKnown({ id, prefixes }: ListedChoice, nowMs: number): KnownSupernode {
  return {
    id,
    prefixes,
    isListed: true,
    phase: 'idle',
    sinceMs: nowMs,
    rttMs: null,
    measuredAtMs: null,
    load: null,
    failures: 0,
    notBeforeMs: 0,
    relayFailures: 0,
    penaltyUntilMs: 0,
    isKept: false,
    isOnTrial: false,
    isProven: false,
    isCondemned: false,
    isSuspect: false,
    isOutdated: false,
    move: null,
  };
}

/** Assumed where nothing is known, ms. */
const UNKNOWN_RTT_MS = 150;
/** A supernode at its limit is worth so many ms less than an idle one; up to the first of these load is no matter. */
const FREE_LOAD = 0.5;
const FULL_LOAD_MS = 200;
/** Two supernodes in one network are no spare for each other when it fails. */
const SAME_PREFIX_MS = 50;

/** What it costs to use this supernode, ms: the round trip, and more when it has much to do. */
export function costOf({ rttMs, load }: KnownSupernode): number {
  const loadMs = (FULL_LOAD_MS * Math.max(0, (load ?? 0) - FREE_LOAD)) / (1 - FREE_LOAD);
  return (rttMs ?? UNKNOWN_RTT_MS) + loadMs;
}

/** As {@link costOf}, for one more besides `others`. */
export function costBeside(known: KnownSupernode, others: readonly KnownSupernode[]): number {
  const sharesNetwork = others.some(
    (other) => other !== known && other.prefixes.some((prefix) => known.prefixes.includes(prefix)),
  );
  return costOf(known) + (sharesNetwork ? SAME_PREFIX_MS : 0);
}

export const isWell = ({ isCondemned, isSuspect }: KnownSupernode): boolean => !isCondemned && !isSuspect;

export const isKeptAndOutdated = ({ isKept, isOutdated }: KnownSupernode): boolean => isKept && isOutdated;

/** Has to prove itself yet. */
export const isTried = ({ isOnTrial, isProven }: KnownSupernode): boolean => isOnTrial && !isProven;

/** One to rely on. */
export function isUsable(known: KnownSupernode, nowMs: number): boolean {
  const isGoing = known.move !== null && nowMs >= known.move.fromMs;
  return known.phase === 'attached' && isWell(known) && !isTried(known) && !isGoing;
}

/** Another phase begins; what was found out in the one before is void. */
export function enter(known: KnownSupernode, phase: KnownSupernode['phase'], nowMs: number): void {
  known.phase = phase;
  known.sinceMs = nowMs;
  known.isProven = false;
  known.isCondemned = false;
  known.isSuspect = false;
  known.isOutdated = false;
  known.move = null;
  if (phase !== 'idle') return;
  known.isKept = false;
  known.isOnTrial = false;
}

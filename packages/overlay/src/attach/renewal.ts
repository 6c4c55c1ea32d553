import { isKeptAndOutdated, type KnownSupernode } from './known-supernode.ts';
import type { Busy } from './leaving.ts';

/** So long before supernodes cut us off, for the certificates that we showed them have run out, even calls are no reason to wait any more, ms. */
export const RENEW_HURRY_MS = 600_000;

/** One that has stood for so long can be relied on while the next one is left, ms: whoever calls finds it by then. */
const SETTLED_MS = 2000;

export interface Standing {
  /** Attached, the best first. */
  ranked: readonly KnownSupernode[];
  /** Those of them to rely on. */
  usable: readonly KnownSupernode[];
  /** How many of these there should be. */
  wanted: number;
  /** Attaches under way. */
  coming: number;
}

export interface Renewal {
  /** Left and attached to anew now. */
  next: KnownSupernode | null;
  /** When to ask again. */
  wakeAtMs: number;
}

/**
 * Which supernode is to see our new certificates now. One after the other, the best last, so that there is always another one to rely on,
 * where there is another one at all.
 * @param lateMs from then on there is no time to lose
 */
export function nextToRenew(
  { ranked, usable, wanted, coming }: Standing,
  { inUse, isCalm }: Busy,
  lateMs: number,
  nowMs: number,
): Renewal {
  const isLate = nowMs >= lateMs;
  const wait = (atMs = Number.POSITIVE_INFINITY): Renewal => ({
    next: null,
    wakeAtMs: isLate ? atMs : Math.min(atMs, lateMs),
  });
  const next = ranked.findLast(isKeptAndOutdated);
  if (next === undefined || coming > 0) return wait();
  const others = usable.filter((known) => known !== next);
  const settledMs = wanted > 1 ? Math.min(...others.map(({ sinceMs }) => sinceMs + SETTLED_MS)) : nowMs;
  if (nowMs < settledMs) return wait(settledMs);
  const isGoodMoment = usable.length >= wanted && isCalm && !inUse.has(next.id);
  return isLate || isGoodMoment ? { next, wakeAtMs: nowMs } : wait();
}

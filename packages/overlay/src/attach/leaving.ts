import { costBeside, type KnownSupernode } from './known-supernode.ts';

/** A supernode that was visited for a call and is not needed any more is left after this, ms. */
const VISIT_MS = 10_000;

export type LeaveReason = 'not-relaying' | 'asked-to' | 'better-one' | 'visit-over' | 'renewed';

/** What calls need of the attachments. */
export interface Busy {
  /** Supernodes that carry something of a call: they are not left. */
  inUse: ReadonlySet<string>;
  /** Nothing rings and nobody talks: a good moment to move to better ones. */
  isCalm: boolean;
}

export interface Leaving {
  leaves: { known: KnownSupernode; reason: LeaveReason }[];
  /** When to ask again. */
  wakeAtMs: number;
}

/**
 * Which attached supernodes are left now. None that carries something of a call, and for whatever else only where another
 * one is there to rely on.
 * @param usable those of them to rely on
 * @param wanted how many of these there should be
 */
export function whoIsLeft(
  attached: readonly KnownSupernode[],
  usable: readonly KnownSupernode[],
  wanted: number,
  { inUse, isCalm }: Busy,
  nowMs: number,
): Leaving {
  const leaves: Leaving['leaves'] = [];
  let wakeAtMs = Number.POSITIVE_INFINITY;
  for (const known of attached) {
    if (inUse.has(known.id)) continue;
    const { move } = known;
    if (known.isCondemned && usable.length > 0) leaves.push({ known, reason: 'not-relaying' });
    else if (move !== null && nowMs >= move.fromMs) {
      const isReplaced = usable.length >= wanted;
      if (isReplaced || (nowMs >= move.byMs && usable.length > 0)) leaves.push({ known, reason: 'asked-to' });
      else if (nowMs < move.byMs) wakeAtMs = Math.min(wakeAtMs, move.byMs);
    } else if (move !== null) wakeAtMs = Math.min(wakeAtMs, move.fromMs);
    else if (!known.isKept && isCalm) {
      const atMs = known.sinceMs + VISIT_MS;
      if (nowMs >= atMs) leaves.push({ known, reason: 'visit-over' });
      else wakeAtMs = Math.min(wakeAtMs, atMs);
    }
  }
  if (isCalm)
    for (const known of surplus(usable, wanted))
      if (!inUse.has(known.id)) leaves.push({ known, reason: 'better-one' });
  return { leaves, wakeAtMs };
}

/** Those beyond the number that is wanted, the worst first. */
function surplus(usable: readonly KnownSupernode[], wanted: number): KnownSupernode[] {
  const left = [...usable];
  const worst: KnownSupernode[] = [];
  while (left.length > wanted) {
    const next = left.reduce((a, b) => (costBeside(b, left) > costBeside(a, left) ? b : a));
    left.splice(left.indexOf(next), 1);
    worst.push(next);
  }
  return worst;
}

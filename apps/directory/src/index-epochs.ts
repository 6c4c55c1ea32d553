/**
 * When the presence index gets a new epoch (`IndexEpoch` in packages/identity). A seed is made after admission for its
 * epoch has closed, so nobody can choose keys to become the keeper of a name; it changes daily, so that nobody who happens to
 * be one stays it.
 */
export const EPOCH_LENGTH_MS = 86_400_000;
/** Supernodes that keep a name (k of the index): with fewer, newcomers are let in at once. */
const FULL_INDEX = 3;

export interface StoredEpoch {
  /** Random, 32 bytes, base64url. */
  seed: string;
  /** Supernodes with `since` up to this hold the index. */
  closedAtMs: number;
  /** By the clock of then; differs from `closedAtMs` when that clock was set back. */
  madeAtMs: number;
}

/** Whether a day has passed since this epoch was made. A clock set back by a day counts too: it may have been wrong. */
export function isEpochOver(madeAtMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - madeAtMs) >= EPOCH_LENGTH_MS;
}

/** Whether to close admission now and make a new epoch. `newest` is null before the first. */
export function isEpochDue(
  newest: StoredEpoch | null,
  { eligible, admitted }: { eligible: number; admitted: number },
  nowMs: number,
): boolean {
  if (newest === null) return admitted > 0;
  return isEpochOver(newest.madeAtMs, nowMs) || (eligible < FULL_INDEX && admitted > eligible);
}

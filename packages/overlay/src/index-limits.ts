import type { Rate } from './token-bucket.ts';

/** A lookup that nobody has answered in full: what is there must do. 1.5 round trips to the far side of the Earth. */
export const LOOKUP_TIMEOUT_MS = 400;
/**
 * Once one keeper has found somebody, the others have this much longer to tell of newer records: the first one may lie with an
 * old one. Once a second one has, there is less to expect.
 */
export const FIRST_GRACE_MS = 150;
export const SECOND_GRACE_MS = 50;
/** Who asks for the same name again so soon was not helped by the answer: this time all keepers are waited for. */
export const REPEAT_MS = 10_000;
/** Somebody who is attached here may have other devices elsewhere: the index has so long to say so. */
export const OWN_GRACE_MS = 100;
/** Lookups that wait for other supernodes. */
export const MAX_LOOKUPS = 1000;
/** Records from other supernodes whose signatures are being checked. */
export const MAX_INDEX_CHECKS = 256;

/** What one supernode may put here, or ask: one with 10,000 softphones has 100 puts a second among three keepers. */
export const INDEX_PUTS: Rate = { perSecond: 300, burst: 2000 };
export const INDEX_GETS: Rate = { perSecond: 300, burst: 2000 };
/** Supernodes whose rates are told apart; beyond it the one that was silent for longest is forgotten. */
export const MAX_INDEX_PEERS = 4096;

/** Records are put to new keepers in steps, so that a new list is no flood. */
export const MOVE_STEP_MS = 50;
/** All of them in five seconds, and not more than 200 a second. */
export const MOVE_STEPS = 100;
export const MAX_MOVES_PER_STEP = 10;

/** Each record takes some 2 kB: 400 MB in the worst case, when few supernodes keep the names of very many. */
const MAX_INDEX_RECORDS = 200_000;

/**
 * Records that a keeper has room for: twice its share of the three copies when every listed supernode is full of softphones.
 */
export function indexCapacity(
  listed: number,
  keepers: number,
  copies: number,
  maxAttachments: number,
): number {
  const share = (copies * maxAttachments * listed) / Math.max(1, keepers);
  return Math.min(MAX_INDEX_RECORDS, Math.ceil(2 * share));
}

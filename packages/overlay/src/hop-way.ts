import { MAX_HOPS } from '@overcall/wire';

/**
 * A way of a call over several supernodes: their key ids, from the one where the party that speaks is attached to the
 * one where its peer is.
 */
export type Way = readonly string[];

/** Two to {@link MAX_HOPS} supernodes, none of them twice. */
export function isWay(way: Way): boolean {
  return way.length >= 2 && way.length <= MAX_HOPS && new Set(way).size === way.length;
}

/**
 * The place of `me` on a way by which `from` has passed something on: behind it when it goes `onwards`, before it when it
 * comes back. Null when `from` had no business to.
 */
export function placeAfter(way: Way, me: string, from: string, direction: 'onwards' | 'back'): number | null {
  const place = way.indexOf(me);
  const before = direction === 'onwards' ? place - 1 : place + 1;
  return isWay(way) && place >= 0 && way[before] === from ? place : null;
}

/** Null is the way over this supernode alone. */
export function isSameWay(a: Way | null, b: Way | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((hop, index) => hop === b[index]);
}

/** Whether two ways are the same one seen from its two ends. */
export function areMirrored(a: Way | null, b: Way | null): boolean {
  return isSameWay(a, b === null ? null : [...b].reverse());
}

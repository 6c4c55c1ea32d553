import type { KeyId } from '@overcall/identity';

/** Ways over which each signal goes at once: the death of a supernode on one of them loses nothing. */
export const SIGNAL_COPIES = 2;
/** Supernodes of either side that are looked at. */
const MAX_OWN = 4;

/** A signal is handed to `at`, where we are attached, for somebody who is attached to `supernode`. */
export interface SignalWay {
  at: KeyId;
  supernode: KeyId;
}

/**
 * Every way from our supernodes to the peer's, both best first: the first is direct when there is one supernode of both, the
 * second shares as little with it as possible, and the others are for when these fail.
 */
export function signalWays(own: readonly KeyId[], peers: readonly KeyId[]): SignalWay[] {
  const mine = own.slice(0, MAX_OWN);
  const direct = mine.filter((at) => peers.includes(at)).map((at) => ({ at, supernode: at }));
  const across = peers.flatMap((supernode) =>
    mine.filter((at) => at !== supernode).map((at) => ({ at, supernode })),
  );
  const [first, ...rest] = [...direct, ...across];
  if (first === undefined) return [];
  // Sorting is stable: what shares as much with the first stays in order.
  return [first, ...rest.sort((a, b) => shared(a, first) - shared(b, first))];
}

function shared(way: SignalWay, other: SignalWay): number {
  return [way.at, way.supernode].filter((one) => one === other.at || one === other.supernode).length;
}

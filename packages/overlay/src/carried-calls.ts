import { isConnection, type Leg } from './relay-flows.ts';
import type { RelayTable } from './relay-table.ts';

/** Audio comes 50 times a second from both parties; what is only kept warm is pinged once a second (docs/paths.md). */
const WITHIN_MS = 150;
/** Who was found busy in each of so many looks in a row carries audio: a ping and its answer hit one look in four. */
export const LOOKS = 3;

export type CarriedKind = 'relayUdp' | 'relayTcp' | 'overlay';

/**
 * How many calls really send their audio over this supernode, by the kind of way. A call keeps ways open on up to three
 * supernodes, also while it goes direct: `allocations` counts these. Nothing is counted for each datagram; the table is
 * looked at a few times instead.
 */
export class CarriedCalls<Ticket> {
  readonly #relay: Pick<RelayTable<Ticket>, 'busyHalves'>;
  #inEachLook: ReadonlySet<Leg<Ticket>> | null = null;
  #looks = 0;

  constructor(relay: Pick<RelayTable<Ticket>, 'busyHalves'>) {
    this.#relay = relay;
  }

  look(nowMs: number): void {
    const before = this.#inEachLook;
    const busy = this.#relay.busyHalves(nowMs, WITHIN_MS);
    this.#inEachLook = new Set(before === null ? busy : busy.filter((leg) => before.has(leg)));
    this.#looks++;
  }

  /** What the looks since the last time found; too few of them find nothing. */
  take(): Record<CarriedKind, number> {
    const counts = { relayUdp: 0, relayTcp: 0, overlay: 0 };
    if (this.#looks >= LOOKS) {
      for (const leg of this.#inEachLook ?? []) {
        const kind = kindOf(leg);
        if (kind !== null) counts[kind]++;
      }
    }
    this.#inEachLook = null;
    this.#looks = 0;
    return counts;
  }
}

/** Null when another supernode counts it. */
function kindOf<Ticket>({ way, neighbour, source, other }: Leg<Ticket>): CarriedKind | null {
  if (way !== null) return neighbour === null && way[0]! < way.at(-1)! ? 'overlay' : null;
  const isByTcp = [source, other?.source].some((each) => each != null && isConnection(each));
  return isByTcp ? 'relayTcp' : 'relayUdp';
}

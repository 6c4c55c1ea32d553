import type { FlowId } from '@overcall/wire';
import type { DirectSearch } from './direct-search.ts';
import type { Path, SocketId } from './path.ts';
import type { RelayRoutes } from './relay-routes.ts';

/** Every path of a call: the ways over supernodes, and the direct ones that were found so far. */
export class KnownPaths {
  readonly #relays: RelayRoutes;
  readonly #search: DirectSearch;
  readonly #isDirectOnly: boolean;
  /** The list of all, and what it was made of. */
  #made: Record<'relays' | 'direct' | 'all', readonly Path[]> = { relays: [], direct: [], all: [] };

  /** @param isDirectOnly relays are only for reaching the peer, and audio takes a direct path or none */
  constructor(relays: RelayRoutes, search: DirectSearch, isDirectOnly: boolean) {
    this.#relays = relays;
    this.#search = search;
    this.#isDirectOnly = isDirectOnly;
  }

  /** The same list as before while they are the same: it is asked for several times with each packet. */
  get all(): readonly Path[] {
    const { all: relays } = this.#relays;
    const { paths: direct } = this.#search;
    if (relays !== this.#made.relays || direct !== this.#made.direct)
      this.#made = { relays, direct, all: [...relays, ...direct] };
    return this.#made.all;
  }

  /** Those that audio may take. */
  get usable(): readonly Path[] {
    return this.#isDirectOnly ? this.#search.paths : this.all;
  }

  /** Flow id for datagrams on a path; null while the peer has not said. */
  flowOf(path: Path): FlowId | null {
    return path.flow === null ? this.#search.sendFlow : this.#relays.sendFlowOf(path.flow);
  }

  /** The path that leads there, if it is known. */
  find(flow: FlowId, socket: SocketId, from: string): Path | null {
    return this.#relays.has(flow) ? this.#relays.find(flow, socket, from) : this.#search.find(socket, from);
  }

  /** The path that something authentic came on, which is news of a direct one perhaps; null when there can be none. */
  hear(flow: FlowId, socket: SocketId, from: string, nowMs: number): Path | null {
    const path = this.#relays.has(flow)
      ? this.#relays.find(flow, socket, from)
      : this.#search.hear(flow, socket, from, nowMs);
    if (path === null) return null;
    if (path.heardAtMs === null && !path.isDirect) this.#search.notePeerBound(nowMs);
    path.heardAtMs = nowMs;
    return path;
  }

  /** Share of the pings that were lost, of all paths, for each has few. */
  get pingLossShare(): number {
    let [counted, answered] = [0, 0];
    for (const path of this.all) {
      counted += path.countedPings;
      answered += path.answers;
    }
    return counted === 0 ? 0 : (counted - answered) / counted;
  }
}

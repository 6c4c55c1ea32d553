import type { FlowId } from '@overcall/wire';
import { Path, type PathTransport, type SocketId } from './path.ts';

/** Routes at once: those in use, those given up a moment ago and those to come. More are refused. */
export const MAX_RELAY_ROUTES = 6;

/** A way over supernodes as it is now; another one with the same flow takes its place. */
export interface RelayRoute {
  /** On which we receive what comes this way: names the route. */
  flow: FlowId;
  /** With which we send this way. */
  sendFlow: FlowId;
  /** Names of the supernodes, from ours to the peer's. */
  via: readonly string[];
  socket: SocketId;
  /** Our end of it. */
  remote: string;
  transport?: PathTransport;
}

interface Route {
  sendFlow: FlowId;
  /** Where it sends; null while our end of it is not to be reached. */
  active: Path | null;
  /** Only listened to: the relay sends us nothing new this way. */
  resting: Path | null;
}

/**
 * The ways over supernodes. Datagrams are told apart by the flow on which they come, for two routes may enter at the same
 * supernode; each route has an end of its own there, over UDP or a stream, and may change it.
 */
export class RelayRoutes {
  readonly #byFlow = new Map<FlowId, Route>();
  /** Made anew when something has changed: it is asked for several times with each packet. */
  #all: readonly Path[] = [];

  /** Paths that may be sent on; the same list as before while they are the same. */
  get all(): readonly Path[] {
    return this.#all;
  }

  #noteChange(): void {
    this.#all = [...this.#byFlow.values()].flatMap(({ active }) => active ?? []);
  }

  /** @returns the path, and the one that it takes the place of; null for one route too many */
  use(relay: RelayRoute): { path: Path; before: Path | null } | null {
    const { flow, sendFlow, via, socket, remote, transport = 'udp' } = relay;
    const known = this.#byFlow.get(flow);
    if (known === undefined && this.#byFlow.size >= MAX_RELAY_ROUTES) return null;
    const route: Route = known ?? { sendFlow, active: null, resting: null };
    const before = route.active;
    route.sendFlow = sendFlow;
    if (before !== null && isAt(before, socket, remote)) return { path: before, before };
    const kind = via.length > 1 ? 'overlay' : 'relay';
    route.active = new Path({ kind, flow, socket, remote, via, transport });
    route.resting = before ?? route.resting;
    this.#byFlow.set(flow, route);
    this.#noteChange();
    return { path: route.active, before };
  }

  /** Our end of it is not to be reached; what is still under way is taken. False when that is known. */
  rest(flow: FlowId): boolean {
    const route = this.#byFlow.get(flow);
    if (route === undefined || route.active === null) return false;
    route.resting = route.active;
    route.active = null;
    this.#noteChange();
    return true;
  }

  drop(flow: FlowId): boolean {
    const wasThere = this.#byFlow.delete(flow);
    this.#noteChange();
    return wasThere;
  }

  has(flow: FlowId): boolean {
    return this.#byFlow.has(flow);
  }

  /** The path of a route that something came on from there. */
  find(flow: FlowId, socket: SocketId, from: string): Path | null {
    const route = this.#byFlow.get(flow);
    if (route === undefined) return null;
    return [route.active, route.resting].find((path) => path !== null && isAt(path, socket, from)) ?? null;
  }

  /** Where a route sends now. */
  pathOf(flow: FlowId): Path | null {
    return this.#byFlow.get(flow)?.active ?? null;
  }

  sendFlowOf(flow: FlowId): FlowId | null {
    return this.#byFlow.get(flow)?.sendFlow ?? null;
  }
}

const isAt = (path: Path, socket: SocketId, remote: string): boolean =>
  path.socket === socket && path.remote === remote;

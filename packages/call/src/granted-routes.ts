import { MAX_RELAY_ROUTES, type PathAgent, type SocketId } from '@overcall/traversal';
import type { FlowId } from '@overcall/wire';
import type { MediaOutput, RelayGrant } from './media-session-types.ts';
import { RelayAccess, type RelayTransport } from './relay-access.ts';

/** Silence of a route after which its binding is proven again, ms: a NAT on the way may have lost its mapping. */
const REBIND_AFTER_MS = 500;
/** How often it is looked whether a route is silent, ms. */
const REBIND_CHECK_MS = 250;
/** Streams that are open at once: each costs a supernode a TLS connection. */
const MAX_STREAMS = 2;

const NOTHING: readonly MediaOutput[] = [];

interface Granted {
  grant: RelayGrant;
  access: RelayAccess;
  /** As the path agent knows it. */
  inUse: RelayTransport | null;
  /** Whether it was last said to be up. */
  isUp: boolean;
  /** Only listened to, until it is dropped. */
  isRetired: boolean;
}

interface End {
  socket: SocketId;
  remote: string;
  transport: RelayTransport;
}

/** The relay routes of a leg, and how each is reached: binds them, and tells the path agent which may be used. */
export class GrantedRoutes {
  readonly #paths: PathAgent;
  readonly #byFlow = new Map<FlowId, Granted>();
  readonly #openStreams = new Set<SocketId>();
  readonly #wantedStreams = new Set<SocketId>();
  readonly #outputs: MediaOutput[] = [];
  #nextCheckAtMs = Number.POSITIVE_INFINITY;

  constructor(paths: PathAgent) {
    this.#paths = paths;
  }

  get isBound(): boolean {
    return [...this.#byFlow.values()].some(({ access }) => access.active !== null);
  }

  /** Whether something is to be received on that flow. */
  has(flow: FlowId): boolean {
    return this.#byFlow.has(flow);
  }

  /** Whether bind answers with that flow id are for one of them. */
  bindsWith(flow: FlowId): boolean {
    return [...this.#byFlow.values()].some(({ grant }) => grant.sendFlow === flow);
  }

  get deadline(): number {
    let deadline = this.#nextCheckAtMs;
    for (const { access } of this.#byFlow.values()) deadline = Math.min(deadline, access.deadline);
    return deadline;
  }

  /** False for one too many. */
  use(grant: RelayGrant, nowMs: number): boolean {
    const known = this.#byFlow.get(grant.route);
    if (known === undefined && this.#byFlow.size >= MAX_RELAY_ROUTES && !this.#dropRetired(nowMs))
      return false;
    const isSame = known?.grant.relayAddress === grant.relayAddress && known.access.isFor(grant.bindKey);
    const access = isSame ? known.access : this.#accessFor(grant);
    // Bound anew, it goes on with the path there is.
    const inUse = isSame ? known.inUse : null;
    this.#byFlow.set(grant.route, { grant, access, inUse, isUp: known?.isUp ?? false, isRetired: false });
    const { stream } = grant;
    if (stream !== undefined && this.#openStreams.has(stream.socket)) access.handleStream(true, nowMs);
    access.start(nowMs);
    if (this.#nextCheckAtMs === Number.POSITIVE_INFINITY) this.#nextCheckAtMs = nowMs + REBIND_CHECK_MS;
    return true;
  }

  /** Where one route is bound over UDP, the others need no stream beforehand. */
  #accessFor({ sendFlow: flowId, bindKey, rttMs }: RelayGrant): RelayAccess {
    const hasUdp = [...this.#byFlow.values()].some(({ access }) => access.active === 'udp');
    return new RelayAccess({ flowId, bindKey, rttMs, isHasty: !hasUdp });
  }

  /** Nothing is sent that way any more; what the peer has under way is taken until {@link drop}. */
  retire(route: FlowId, nowMs: number): void {
    const granted = this.#byFlow.get(route);
    if (granted === undefined) return;
    granted.isRetired = true;
    granted.inUse = null;
    this.#paths.restRoute(route, nowMs);
  }

  /** Makes room. */
  #dropRetired(nowMs: number): boolean {
    const retired = [...this.#byFlow].find(([, { isRetired }]) => isRetired);
    if (retired !== undefined) this.drop(retired[0], nowMs);
    return retired !== undefined;
  }

  drop(route: FlowId, nowMs: number): void {
    if (!this.#byFlow.delete(route)) return;
    this.#paths.dropRoute(route, nowMs);
    if (this.#byFlow.size === 0) this.#nextCheckAtMs = Number.POSITIVE_INFINITY;
  }

  handleStream(socket: SocketId, isOpen: boolean, nowMs: number): void {
    if (isOpen) this.#openStreams.add(socket);
    else this.#openStreams.delete(socket);
    for (const { grant, access } of this.#byFlow.values())
      if (grant.stream?.socket === socket) access.handleStream(isOpen, nowMs);
  }

  handleNetworkChange(nowMs: number): void {
    for (const { access } of this.#byFlow.values()) access.handleNetworkChange(nowMs);
  }

  /** A bind answer. */
  handleDatagram(socket: SocketId, from: string, datagram: Uint8Array, nowMs: number): void {
    for (const { grant, access } of this.#byFlow.values()) {
      const end = endsOf(grant).find((each) => each.socket === socket && each.remote === from);
      if (end !== undefined) access.handleDatagram(end.transport, datagram, nowMs);
    }
  }

  handleTimeout(nowMs: number): void {
    for (const { access } of this.#byFlow.values()) access.handleTimeout(nowMs);
    if (nowMs < this.#nextCheckAtMs) return;
    this.#nextCheckAtMs = nowMs + REBIND_CHECK_MS;
    for (const [flow, granted] of this.#byFlow) this.#check(flow, granted, nowMs);
  }

  #check(flow: FlowId, granted: Granted, nowMs: number): void {
    if (granted.isRetired) return;
    const isUp = this.#paths.isRouteUp(flow, nowMs);
    if (isUp !== granted.isUp) {
      granted.isUp = isUp;
      this.#outputs.push({ type: 'route', route: flow, isUp });
    }
    const silentSince = this.#paths.routeUnansweredSince(flow);
    const isSilent = silentSince !== null && nowMs - silentSince >= REBIND_AFTER_MS;
    if (granted.inUse !== null && isSilent) granted.access.suspect(nowMs);
  }

  /** Passes on what has become of the accesses; returns what is to be done. */
  pump(nowMs: number): readonly MediaOutput[] {
    // Audio or an answer is overdue. If our NAT has forgotten us, then at every relay, and the peer chooses its spare by itself.
    if (this.#paths.isSuspected) for (const { access } of this.#byFlow.values()) access.suspect(nowMs);
    for (const [flow, granted] of this.#byFlow) {
      const { grant, access } = granted;
      const answeredPingAtMs = this.#paths.routeAnsweredPingAt(flow);
      if (answeredPingAtMs !== null) access.noteAnswered(answeredPingAtMs, nowMs);
      for (const { transport, datagram } of access.poll()) {
        const { socket, remote } = endsOf(grant).find((end) => end.transport === transport)!;
        this.#outputs.push({ type: 'send', socket, to: remote, datagram });
      }
      if (access.takeNewStream() && grant.stream !== undefined) this.#want(grant.stream.socket, false);
      this.#follow(granted, nowMs);
    }
    this.#chooseStreams(nowMs);
    return this.#outputs.length === 0 ? NOTHING : this.#outputs.splice(0);
  }

  /** A route is one path, whichever way it is reached; the way before is only listened to. */
  #follow(granted: Granted, nowMs: number): void {
    const { access, grant, inUse } = granted;
    const { active } = access;
    if (granted.isRetired || active === inUse) return;
    if (inUse === 'tcp' && active === 'udp') this.#paths.handleUdpRegained(nowMs);
    granted.inUse = active;
    const { route: flow, sendFlow, via } = grant;
    const end = endsOf(grant).find(({ transport }) => transport === active);
    if (end === undefined) this.#paths.restRoute(flow, nowMs);
    else this.#paths.useRelay({ flow, sendFlow, via, ...end }, nowMs);
  }

  /** Those of the routes that matter first; then the ones that are open. */
  #chooseStreams(nowMs: number): void {
    if (this.#wantedStreams.size === 0 && !this.#wantsStreams) return;
    const wanted = new Set<SocketId>();
    const routes = [...this.#byFlow.values()].filter(({ access }) => access.wantsStream);
    const matter = this.#paths.routesThatMatter(nowMs);
    for (const granted of [
      ...matter.flatMap((flow) => routes.find(({ grant }) => grant.route === flow) ?? []),
      ...routes.filter(({ access }) => access.active === 'tcp'),
      ...routes,
    ]) {
      const { stream } = granted.grant;
      if (stream !== undefined && wanted.size < MAX_STREAMS) wanted.add(stream.socket);
    }
    for (const socket of [...this.#wantedStreams]) if (!wanted.has(socket)) this.#want(socket, false);
    for (const socket of wanted) this.#want(socket, true);
  }

  get #wantsStreams(): boolean {
    for (const { access } of this.#byFlow.values()) if (access.wantsStream) return true;
    return false;
  }

  #want(socket: SocketId, wanted: boolean): void {
    if (this.#wantedStreams.has(socket) === wanted) return;
    if (wanted) this.#wantedStreams.add(socket);
    else this.#wantedStreams.delete(socket);
    this.#outputs.push({ type: 'stream', socket, wanted });
  }
}

/** Both ways to the first supernode of a route. */
function endsOf({ socket, relayAddress, stream }: RelayGrant): End[] {
  const udp = { socket, remote: relayAddress, transport: 'udp' as const };
  return stream === undefined
    ? [udp]
    : [udp, { socket: stream.socket, remote: stream.address, transport: 'tcp' as const }];
}

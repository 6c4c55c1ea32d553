import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { isIPv6 } from 'node:net';
import {
  type LocalParty,
  type MediaSession,
  Phone,
  type PhoneEvent,
  type PhoneOutput,
  type ReadyLeg,
  type RemoteEndpoint,
} from '@overcall/call';
import type { Logger } from '@overcall/cli';
import { type CertifiedDevice, isRevoked, type SigningPublicKey, verifyChain } from '@overcall/identity';
import {
  type DatagramSocket,
  DeadlineTimer,
  Ipv4Socket,
  monotonicMs,
  nodeCrypto,
  type PortMapper,
  trustOf,
  type UdpAddress,
  UdpSocket,
  x25519KeyPair,
} from '@overcall/net';
import { formatAddressPort, type Path, parseAddressPort } from '@overcall/traversal';
import { CALL_VERSIONS, type CertificateChain, DatagramType, OvercallError, viewOf } from '@overcall/wire';
import type { Attachment } from './attachment.ts';
import { CallMedia, type MediaChoice, NO_TOTALS } from './call-media.ts';
import { CandidateGatherer, type GatheringSocket } from './candidate-gatherer.ts';
import type { ContactBook } from './contacts.ts';
import { NatWatch } from './discovery/nat-watch.ts';
import { checkEndpoints, ofOneIdentity } from './endpoints.ts';
import type { Home } from './home.ts';
import { MediaLeg, type MediaLegHandlers } from './media-leg.ts';
import { Pings } from './pings.ts';
import { startPortMapping } from './port-mapping.ts';
import { type Profile, renewIfNeeded } from './profile.ts';
import { SupernodeListStore } from './supernode-list-store.ts';
import { SupernodePool } from './supernode-pool.ts';

/** A name that is not found is looked up this often, this far apart, ms. */
const LOOKUP_ATTEMPTS = 4;
const LOOKUP_INTERVAL_MS = 400;
/** How often it is looked whether the certificates need renewing, ms. */
const RENEW_CHECK_MS = 3_600_000;

export type PathChoice = 'auto' | 'direct' | 'relay';
export type Exposure = 'contacts' | 'answered' | 'never';

/** RFC 7983: STUN messages begin with 0 to 3. */
const LAST_STUN_BYTE = 3;
/** Numbers of the sockets for the path agents. */
const SOCKET_ID = { ipv4: 0, ipv6: 1 } as const;

/** An event of the command-line contract, with whatever fields it has. */
export type SoftphoneEvent = { event: string } & Record<string, unknown>;

export interface SoftphoneOptions {
  home: Home;
  profile: Profile;
  contacts: ContactBook;
  log: Logger;
  /** Makes source and sink of a call when it is answered. */
  media: MediaChoice;
  /** Private networks (CIDR) whose supernodes may be used. */
  allowNets?: string[] | undefined;
  /** Which paths audio may take. */
  path?: PathChoice | undefined;
  /** Who may learn this machine's addresses: contacts, and others once the call is answered; answered calls; nobody. */
  exposeAddress?: Exposure | undefined;
  /** Local address of the UDP socket; the default is every interface. */
  bindAddress?: string | undefined;
  /** Whether routers are asked to map the port of the IPv4 socket. */
  portMapping?: boolean | undefined;
  /** How long they are asked to keep it, s. */
  portMappingLeaseS?: number | undefined;
}

/**
 * Runs the pure parts on real sockets and clocks: signalling through supernodes, media legs, sound. Emits `event`
 * with everything that the contract promises.
 */
export class Softphone extends EventEmitter<{ event: [SoftphoneEvent]; closed: [] }> {
  readonly #options: SoftphoneOptions;
  readonly #store: SupernodeListStore;
  readonly #pool: SupernodePool;
  readonly #phone: Phone;
  readonly #legs = new Map<number, MediaLeg>();
  readonly #calls = new Map<string, CallMedia>();
  readonly #pings = new Pings({
    legOf: (legId) => this.#legs.get(legId),
    localAddressOf: (leg, path) => this.#localAddressOf(leg, path),
    report: (event) => this.#report(event),
  });
  readonly #closing = new Set<Promise<void>>();
  readonly #setupMs = new Map<string, number>();
  readonly #sockets: Record<'ipv4' | 'ipv6', DatagramSocket | null> = { ipv4: null, ipv6: null };
  #gatherer: CandidateGatherer | null = null;
  #mapper: PortMapper | null = null;
  /** Null where no path depends on it. */
  readonly #natWatch: NatWatch | null;
  #isActing = false;
  #renewTimer: NodeJS.Timeout | undefined;
  readonly #timer = new DeadlineTimer(() => this.#act(() => this.#phone.handleTimeout(monotonicMs())));

  constructor(options: SoftphoneOptions) {
    super();
    this.#options = options;
    const { profile, log } = options;
    this.#store = new SupernodeListStore(options.home, profile.directory, options.allowNets ?? []);
    this.#natWatch = this.#makeNatWatch();
    this.#phone = new Phone(localPartyOf(profile), nodeCrypto);
    this.#pool = new SupernodePool(
      this.#store,
      profile,
      {
        onAttached: (attachment, spare) => this.#handleAttached(attachment, spare),
        onLost: ({ entry }) => log.warn({ supernode: entry.name }, 'control connection lost; reconnecting'),
        onSignal: ({ supernodeId: supernode }, { from, callId, body }) => {
          const bytes = new Uint8Array(Buffer.from(body, 'base64url'));
          this.#act(() => this.#phone.handleSignal({ supernode, ...from }, callId, bytes, monotonicMs()));
        },
        onUndeliverable: (_attachment, { to, callId }) =>
          this.#act(() => this.#phone.handleUndeliverable(to, callId, monotonicMs())),
        onRefused: ({ code }) => {
          if (code === 'certificate-expired') void this.#renew();
        },
      },
      log,
    );
  }

  /**
   * Opens the socket and attaches; with `accepts` others can call.
   * @throws OvercallError when there is no supernode list or no supernode takes us
   */
  async start(accepts: boolean): Promise<void> {
    await this.#openSockets();
    this.#gatherer = this.#makeGatherer();
    this.#mapper = startPortMapping(this.#options, this.#sockets.ipv4, (address, protocol) => {
      this.#gatherer?.setPortMapped(address);
      this.#report({ event: 'port-mapping', protocol, address });
    });
    await this.#store.load();
    await this.#pool.start(accepts);
    this.#renewTimer = setInterval(() => void this.#renew(), RENEW_CHECK_MS);
    this.#renewTimer.unref();
  }

  /** One socket for IPv4 and, where the machine has it, one for IPv6; with `--bind` the one that was asked for. */
  async #openSockets(): Promise<void> {
    const { bindAddress } = this.#options;
    const handlerFor = (family: 'ipv4' | 'ipv6') => (datagram: Uint8Array, source: UdpAddress) =>
      this.#handleDatagram(SOCKET_ID[family], datagram, formatAddressPort(source));
    const bind = (family: 'ipv4' | 'ipv6', address: string) =>
      UdpSocket.bind({ address, port: 0 }, handlerFor(family));
    if (bindAddress !== undefined) {
      const family = isIPv6(bindAddress) ? 'ipv6' : 'ipv4';
      this.#sockets[family] = await bind(family, bindAddress);
      return;
    }
    this.#sockets.ipv4 = await Ipv4Socket.bind(handlerFor('ipv4'));
    this.#sockets.ipv6 = await bind('ipv6', '::').catch(() => null);
  }

  #openedSockets(): GatheringSocket[] {
    return (['ipv4', 'ipv6'] as const).flatMap((family) => {
      const socket = this.#sockets[family];
      return socket === null ? [] : [{ id: SOCKET_ID[family], family, socket }];
    });
  }

  #makeGatherer(): CandidateGatherer {
    return new CandidateGatherer(this.#openedSockets(), {
      servers: () => this.#pool.all.flatMap(({ entry }) => entry.udp),
      onCandidates: (candidates) =>
        this.#forLegs((session, nowMs) => session.setCandidates(candidates, nowMs)),
      onNetworkChange: () => {
        this.#mapper?.start();
        this.#forLegs((session, nowMs) => session.handleNetworkChange(nowMs));
        this.#natWatch?.refresh();
      },
    });
  }

  #forLegs(verb: (session: MediaSession, nowMs: number) => void): void {
    for (const leg of this.#legs.values()) leg.act(verb);
  }

  #makeNatWatch(): NatWatch | null {
    const { path, exposeAddress, bindAddress } = this.#options;
    // Without a choice of paths no call is placed or taken.
    if (path === undefined || path === 'relay' || exposeAddress === 'never') return null;
    if (bindAddress !== undefined && isIPv6(bindAddress)) return null;
    return new NatWatch({
      servers: () => {
        const inUse = this.#pool.all.map(({ entry }) => entry);
        const keys = inUse.map(({ key }) => key.x);
        return [...inUse, ...this.#store.entries.filter(({ key }) => !keys.includes(key.x))];
      },
      inUse: () => this.#pool.all.length,
      bindAddress,
      onReport: (report) => {
        this.#options.log.debug(report, 'NAT behaviour');
        this.#forLegs((session, nowMs) => session.guide((paths) => paths.setNat(report.nat, nowMs), nowMs));
      },
    });
  }

  #handleAttached(attachment: Attachment, spare: boolean): void {
    const { entry, rttMs, supernodeId } = attachment;
    this.#report({ event: 'attached', supernode: entry.name, rttMs: round(rttMs), spare });
    this.#natWatch?.refresh();
    for (const leg of this.#legs.values()) if (leg.leg.supernode === supernodeId) leg.reopenRelay();
  }

  /** A listener outlives its certificates: they are renewed while it runs. */
  async #renew(): Promise<void> {
    const { home, profile, log } = this.#options;
    try {
      const renewed = await renewIfNeeded(home, profile, Date.now());
      if (renewed === profile) return;
      this.#options.profile = renewed;
      this.#phone.updateLocal(localPartyOf(renewed));
      this.#pool.updateProfile(renewed);
    } catch (error) {
      log.error({ error: String(error) }, 'the certificate could not be renewed');
    }
  }

  get pool(): SupernodePool {
    return this.#pool;
  }

  get store(): SupernodeListStore {
    return this.#store;
  }

  /** Places a call; progress comes as events. Returns the call id. */
  call(name: string): string {
    const callId = randomBytes(16).toString('base64url');
    this.#act(() => this.#phone.call(callId, name, monotonicMs()));
    return callId;
  }

  /** Measures the paths to somebody without ringing; what is seen comes as events, until `hangUp`. */
  ping(name: string): string {
    const callId = randomBytes(16).toString('base64url');
    this.#pings.add(callId, name);
    this.#act(() => this.#phone.ping(callId, name, monotonicMs()));
    return callId;
  }

  accept(callId: string): void {
    this.#act(() => this.#phone.accept(callId, monotonicMs()));
  }

  decline(callId: string): void {
    this.#act(() => this.#phone.decline(callId, monotonicMs()));
  }

  hangUp(callId: string): void {
    this.#act(() => this.#phone.hangUp(callId, monotonicMs()));
  }

  /** Hangs up every call, detaches and closes the socket. */
  async close(): Promise<void> {
    this.#act(() => this.#phone.hangUpAll(monotonicMs()));
    this.#timer.set(null);
    clearInterval(this.#renewTimer);
    this.#natWatch?.close();
    while (this.#closing.size > 0) await Promise.all(this.#closing);
    await Promise.all([this.#pool.close(), this.#mapper?.close()]);
    await this.#sockets.ipv4?.close();
    await this.#sockets.ipv6?.close();
    this.emit('closed');
  }

  /**
   * Runs a verb of the phone, then carries out what it asks for, in that order: what is carried out may call for more
   * verbs, and their signals must not overtake those that wait, or the peer drops them as late.
   */
  #act(verb: () => void): void {
    verb();
    if (this.#isActing) return;
    this.#isActing = true;
    try {
      for (let outputs = this.#phone.poll(); outputs.length > 0; outputs = this.#phone.poll())
        for (const output of outputs) this.#carryOut(output);
    } finally {
      this.#isActing = false;
    }
    const { deadline } = this.#phone;
    this.#timer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
  }

  #carryOut(output: PhoneOutput): void {
    switch (output.type) {
      case 'lookup':
        void this.#find(output.callId, output.name);
        break;
      case 'verify':
        void this.#verify(output.inviteId, output.chain);
        break;
      case 'signal': {
        const body = Buffer.from(output.body).toString('base64url');
        const { to, callId } = output;
        this.#pool.get(output.supernode)?.send({ t: 'signal', to, callId, body });
        break;
      }
      case 'leg-ready':
        this.#openLeg(output);
        break;
      case 'talk':
        this.#startTalking(output.callId, output.legId);
        break;
      case 'told':
        this.#legs.get(output.legId)?.act((session, nowMs) => session.handleTold(output.message, nowMs));
        break;
      case 'leg-closed':
        this.#closeLeg(output.legId, output.bye);
        break;
      case 'event':
        this.#handlePhoneEvent(output.event);
    }
  }

  async #find(callId: string, name: string): Promise<void> {
    const endpoints = await this.#findPatiently(name, !this.#pings.has(callId)).catch((error) => {
      this.#report({ event: 'refused', callId, name, code: error.code ?? 'error', message: error.message });
      return [];
    });
    this.#act(() => this.#phone.handleFound(callId, endpoints, monotonicMs()));
  }

  /** Somebody who calls us at the same moment, or changes supernodes, is attached a little later. */
  async #findPatiently(name: string, isCalled: boolean): Promise<RemoteEndpoint[]> {
    const { contacts } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const endpoints = await this.findEndpoints(name);
      for (const { device } of endpoints) this.checkContact(name, device.identityKey);
      if (isCalled)
        for (const { device } of endpoints) contacts.remember(name, device.identityKey, Date.now());
      if (endpoints.length > 0 || attempt === LOOKUP_ATTEMPTS) return endpoints;
      await new Promise((resolve) => setTimeout(resolve, LOOKUP_INTERVAL_MS));
    }
  }

  /** Endpoints of `name` that take calls, their certificates checked; see also {@link checkContact}. */
  async findEndpoints(name: string): Promise<RemoteEndpoint[]> {
    const { profile } = this.#options;
    const found = await this.#pool.lookup(name);
    const claims = found.map(({ attachment, chain, record }) => ({
      supernodeId: attachment.supernodeId,
      chain,
      record,
    }));
    const trust = trustOf(profile.directory);
    const endpoints = await checkEndpoints(name, claims, trust, this.#store.revokedDevices, Date.now());
    return ofOneIdentity(name, endpoints, this.#options.contacts.find(name)?.key.x);
  }

  /**
   * Compares a certified key with the one that is remembered of `name`.
   * @throws OvercallError `contact-key-changed` for a verified contact; for others the change is an event
   */
  checkContact(name: string, key: SigningPublicKey): void {
    const { changed } = this.#options.contacts.check(name, key);
    if (changed) this.#report({ event: 'contact-key-changed', name, verified: false });
  }

  async #verify(inviteId: number, chain: CertificateChain): Promise<void> {
    const peer = await this.#acceptable(chain).catch((error: OvercallError) => {
      this.#options.log.warn({ code: error.code }, `invite refused: ${error.message}`);
      return null;
    });
    this.#act(() => this.#phone.handleVerified(inviteId, peer));
  }

  async #acceptable(chain: CertificateChain): Promise<CertifiedDevice> {
    const peer = await verifyChain(chain, trustOf(this.#options.profile.directory), Date.now());
    if (isRevoked(this.#store.revokedDevices, peer)) {
      throw new OvercallError('device-revoked', `a revoked device of ${peer.name} called`);
    }
    this.checkContact(peer.name, peer.identityKey);
    return peer;
  }

  #openLeg(leg: ReadyLeg): void {
    const gatherer = this.#gatherer!;
    const handlers: MediaLegHandlers = {
      attachment: () => this.#pool.get(leg.supernode),
      socketFor: (address) => {
        const family = isIPv6(address) ? 'ipv6' : 'ipv4';
        return this.#sockets[family] === null ? null : SOCKET_ID[family];
      },
      directOnly: this.#options.path === 'direct',
      bindAddress: this.#options.bindAddress,
      mayCheck: (address) => gatherer.mayCheck(address),
      gather: () => {
        this.#mapper?.renew();
        gatherer.gather({ again: true });
      },
      tell: (message) => this.#act(() => this.#phone.tell(leg.legId, message)),
      send: (socket, to, datagram, hopLimit) => {
        const address = parseAddressPort(to);
        const family = socket === SOCKET_ID.ipv6 ? 'ipv6' : 'ipv4';
        if (address !== null) this.#sockets[family]?.send(datagram, address, hopLimit);
      },
      onAudio: (frameLow, opus) => this.#calls.get(leg.callId)?.receive(frameLow, opus),
      onPath: (path, reason) => {
        this.#calls.get(leg.callId)?.reportPath(path, reason);
        this.#pings.handlePath(leg.callId, path);
      },
      onEnded: (reason) => this.#act(() => this.#phone.handleMediaEnded(leg.legId, reason, monotonicMs())),
      now: monotonicMs,
    };
    const mediaLeg = new MediaLeg(leg, nodeCrypto, handlers, this.#options.log);
    this.#legs.set(leg.legId, mediaLeg);
    if (leg.purpose === 'ping')
      this.#options.log.debug({ peer: leg.peer.name, direction: leg.direction }, 'ping');
    if (this.#options.path === 'relay' || this.#options.exposeAddress === 'never') return;
    mediaLeg.act((session, nowMs) => {
      for (const { id, family } of this.#openedSockets()) session.addSocket({ id, family }, nowMs);
      gatherer.gather();
      session.setCandidates(gatherer.candidates, nowMs);
      const nat = this.#natWatch?.nat;
      if (nat !== undefined) session.guide((paths) => paths.setNat(nat, nowMs), nowMs);
      if (this.#mayExposeTo(leg)) session.expose(nowMs);
    });
  }

  /**
   * Before the answer only contacts may learn addresses: somebody who was called is one, and so is who we ping, for
   * that ping alone. A ping is never answered as a call is.
   */
  #mayExposeTo({ peer, purpose, direction }: ReadyLeg): boolean {
    const { exposeAddress, contacts } = this.#options;
    if (exposeAddress === 'answered') return false;
    if (purpose === 'ping' && direction === 'outgoing') return true;
    return contacts.find(peer.name)?.key.x === peer.identityKey.x;
  }

  #startTalking(callId: string, legId: number): void {
    const leg = this.#legs.get(legId);
    if (leg === undefined) return;
    const media = new CallMedia({
      leg,
      choice: this.#options.media,
      localAddressOf: (path) => this.#localAddressOf(leg, path),
      report: (event) => this.#report(event),
      onSourceEnded: () => this.emit('event', { event: 'source-ended', callId }),
      log: this.#options.log,
    });
    this.#calls.set(callId, media);
    const { path, exposeAddress } = this.#options;
    leg.act((session, nowMs) => {
      if (path !== 'relay' && exposeAddress !== 'never') session.expose(nowMs);
      session.startTalking(nowMs);
    });
  }

  #localAddressOf(leg: MediaLeg, { family, transport }: Path): string {
    return transport === 'tcp' ? leg.streamAddress : this.#gatherer!.localAddressOf(family);
  }

  #closeLeg(legId: number, bye: boolean): void {
    const leg = this.#legs.get(legId);
    if (leg === undefined) return;
    // The relay is given back after the byes, which go through it.
    const closed = leg.close(bye).finally(() => {
      const { supernode, receiveFlow, sendFlow } = leg.leg;
      this.#pool.get(supernode)?.send({ t: 'relay-close', receiveFlow, sendFlow });
      this.#legs.delete(legId);
      if (this.#legs.size === 0) this.#gatherer?.rest();
      this.#closing.delete(closed);
    });
    this.#closing.add(closed);
  }

  #handlePhoneEvent(event: PhoneEvent): void {
    if (event.event === 'ping-answered' || event.event === 'ping-ended') {
      this.#pings.handleEvent(event);
      return;
    }
    if (event.event === 'answered') this.#setupMs.set(event.callId, event.setupMs);
    if (event.event !== 'ended') {
      this.#report('setupMs' in event ? { ...event, setupMs: round(event.setupMs) } : { ...event });
      return;
    }
    const media = this.#calls.get(event.callId);
    this.#calls.delete(event.callId);
    const setupMs = this.#setupMs.get(event.callId);
    this.#setupMs.delete(event.callId);
    const totals = {
      ...(media?.totals() ?? NO_TOTALS),
      setupMs: setupMs === undefined ? null : round(setupMs),
    };
    const ended = { ...event, durationS: round(event.durationS, 3), totals };
    // The recording is complete before anyone is told that the call is over.
    const closed = (media?.stop() ?? Promise.resolve())
      .catch((error) => this.#options.log.error({ error: String(error) }, 'recording'))
      .then(() => {
        this.#closing.delete(closed);
        this.#report(ended);
      });
    this.#closing.add(closed);
  }

  #handleDatagram(socket: number, datagram: Uint8Array, from: string): void {
    if (datagram.length < 5) return;
    const type = datagram[0]!;
    if (type <= LAST_STUN_BYTE) {
      this.#gatherer?.handleDatagram(socket, from, datagram);
      return;
    }
    const isBindAnswer = type === DatagramType.BindChallenge || type === DatagramType.BindAck;
    if (!isBindAnswer && type !== DatagramType.Media && type !== DatagramType.Check) return;
    const flowId = viewOf(datagram).getUint32(1);
    for (const leg of this.#legs.values())
      if (leg.owns(flowId, isBindAnswer)) leg.handleDatagram(socket, from, datagram);
  }

  #report(event: SoftphoneEvent): void {
    this.emit('event', event);
  }
}

function localPartyOf(profile: Profile): LocalParty {
  return {
    name: profile.name,
    identityKey: profile.keys.identity.x,
    directoryKeyId: profile.directory.keyId,
    chain: profile.chain,
    staticKey: x25519KeyPair(profile.keys.agreement),
    versions: CALL_VERSIONS,
  };
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { isIPv6 } from 'node:net';
import {
  type LocalParty,
  Phone,
  type PhoneEvent,
  type PhoneOutput,
  type ReadyLeg,
  type RemoteEndpoint,
} from '@overcall/call';
import type { Logger } from '@overcall/cli';
import { type CertifiedDevice, isRevoked, type SigningPublicKey, verifyChain } from '@overcall/identity';
import { DeadlineTimer, monotonicMs, nodeCrypto, trustOf, UdpSocket, x25519KeyPair } from '@overcall/net';
import { formatAddressPort, parseAddressPort } from '@overcall/traversal';
import { CALL_VERSIONS, type CertificateChain, DatagramType, OvercallError, viewOf } from '@overcall/wire';
import type { Attachment } from './attachment.ts';
import { CallMedia, type MediaChoice, NO_TOTALS } from './call-media.ts';
import type { ContactBook } from './contacts.ts';
import { checkEndpoints, ofOneIdentity } from './endpoints.ts';
import type { Home } from './home.ts';
import { MediaLeg } from './media-leg.ts';
import { type Profile, renewIfNeeded } from './profile.ts';
import { SupernodeListStore } from './supernode-list-store.ts';
import { SupernodePool } from './supernode-pool.ts';

/** A name that is not found is looked up this often, this far apart, ms. */
const LOOKUP_ATTEMPTS = 4;
const LOOKUP_INTERVAL_MS = 400;
/** How often it is looked whether the certificates need renewing, ms. */
const RENEW_CHECK_MS = 3_600_000;

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
  /** Local address of the UDP socket; the default is every interface. */
  bindAddress?: string | undefined;
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
  readonly #closing = new Set<Promise<void>>();
  readonly #setupMs = new Map<string, number>();
  readonly #sockets: Record<'ipv4' | 'ipv6', UdpSocket | null> = { ipv4: null, ipv6: null };
  #renewTimer: NodeJS.Timeout | undefined;
  readonly #timer = new DeadlineTimer(() => this.#act(() => this.#phone.handleTimeout(monotonicMs())));

  constructor(options: SoftphoneOptions) {
    super();
    this.#options = options;
    const { profile, log } = options;
    this.#store = new SupernodeListStore(options.home, profile.directory, options.allowNets ?? []);
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
    await this.#store.load();
    await this.#pool.start(accepts);
    this.#renewTimer = setInterval(() => void this.#renew(), RENEW_CHECK_MS);
    this.#renewTimer.unref();
  }

  /** One socket for IPv4 and, where the machine has it, one for IPv6; with `--bind` the one that was asked for. */
  async #openSockets(): Promise<void> {
    const { bindAddress } = this.#options;
    const bind = (address: string) =>
      UdpSocket.bind({ address, port: 0 }, (datagram, source) =>
        this.#handleDatagram(datagram, formatAddressPort(source)),
      );
    if (bindAddress !== undefined) {
      this.#sockets[isIPv6(bindAddress) ? 'ipv6' : 'ipv4'] = await bind(bindAddress);
      return;
    }
    this.#sockets.ipv4 = await bind('0.0.0.0');
    this.#sockets.ipv6 = await bind('::').catch(() => null);
  }

  #localAddressFor({ relayAddress }: MediaLeg): string {
    const socket = this.#socketFor(parseAddressPort(relayAddress ?? '')?.address ?? '');
    return socket === null ? '' : formatAddressPort(socket.address);
  }

  #socketFor(address: string): UdpSocket | null {
    return this.#sockets[isIPv6(address) ? 'ipv6' : 'ipv4'];
  }

  #handleAttached(attachment: Attachment, spare: boolean): void {
    const { entry, rttMs, supernodeId } = attachment;
    this.#report({ event: 'attached', supernode: entry.name, rttMs: round(rttMs), spare });
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
    while (this.#closing.size > 0) await Promise.all(this.#closing);
    await this.#pool.close();
    await this.#sockets.ipv4?.close();
    await this.#sockets.ipv6?.close();
    this.emit('closed');
  }

  /** Runs a verb of the phone, then carries out what it asks for. */
  #act(verb: () => void): void {
    verb();
    for (const output of this.#phone.poll()) this.#carryOut(output);
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
      case 'leg-closed':
        this.#closeLeg(output.legId, output.bye);
        break;
      case 'event':
        this.#handlePhoneEvent(output.event);
    }
  }

  async #find(callId: string, name: string): Promise<void> {
    const endpoints = await this.#findPatiently(name).catch((error) => {
      this.#report({ event: 'refused', callId, name, code: error.code ?? 'error', message: error.message });
      return [];
    });
    this.#act(() => this.#phone.handleFound(callId, endpoints, monotonicMs()));
  }

  /** Somebody who calls us at the same moment, or changes supernodes, is attached a little later. */
  async #findPatiently(name: string): Promise<RemoteEndpoint[]> {
    const { contacts } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const endpoints = await this.findEndpoints(name);
      for (const { device } of endpoints) this.checkContact(name, device.identityKey);
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
    const handlers = {
      attachment: () => this.#pool.get(leg.supernode),
      canReach: (address: string) => this.#socketFor(address) !== null,
      send: (to: string, datagram: Uint8Array) => {
        const address = parseAddressPort(to);
        if (address !== null) this.#socketFor(address.address)?.send(datagram, address);
      },
      onAudio: (frameLow: number, opus: Uint8Array) => this.#calls.get(leg.callId)?.receive(frameLow, opus),
      onPath: ({ rttMs, relayAddress }: { relayAddress: string; rttMs: number | null }) =>
        this.#calls.get(leg.callId)?.reportPath(relayAddress, rttMs),
      onEnded: (reason: 'failed' | 'remote-hangup') =>
        this.#act(() => this.#phone.handleMediaEnded(leg.legId, reason, monotonicMs())),
      now: monotonicMs,
    };
    this.#legs.set(leg.legId, new MediaLeg(leg, nodeCrypto, handlers, this.#options.log));
  }

  #startTalking(callId: string, legId: number): void {
    const leg = this.#legs.get(legId);
    if (leg === undefined) return;
    const media = new CallMedia({
      leg,
      choice: this.#options.media,
      localAddress: this.#localAddressFor(leg),
      report: (event) => this.#report(event),
      onSourceEnded: () => this.emit('event', { event: 'source-ended', callId }),
      log: this.#options.log,
    });
    this.#calls.set(callId, media);
    leg.startTalking();
  }

  #closeLeg(legId: number, bye: boolean): void {
    const leg = this.#legs.get(legId);
    if (leg === undefined) return;
    // The relay is given back after the byes, which go through it.
    const closed = leg.close(bye).finally(() => {
      const { supernode, receiveFlow, sendFlow } = leg.leg;
      this.#pool.get(supernode)?.send({ t: 'relay-close', receiveFlow, sendFlow });
      this.#legs.delete(legId);
      this.#closing.delete(closed);
    });
    this.#closing.add(closed);
  }

  #handlePhoneEvent(event: PhoneEvent): void {
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

  #handleDatagram(datagram: Uint8Array, from: string): void {
    if (datagram.length < 5) return;
    const type = datagram[0]!;
    if (type !== DatagramType.Media && type !== DatagramType.BindChallenge && type !== DatagramType.BindAck)
      return;
    const flowId = viewOf(datagram).getUint32(1);
    for (const leg of this.#legs.values()) {
      if (leg.owns(flowId, type === DatagramType.Media)) leg.handleDatagram(from, datagram);
    }
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

import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { type Keeping, Phone, type PhoneEvent, type PhoneOutput } from '@overcall/call';
import { errorFields } from '@overcall/cli';
import type { SigningPublicKey } from '@overcall/identity';
import { nodeCrypto } from '@overcall/net';
import { type CertificateChain, DatagramType, LAST_STUN_BYTE } from '@overcall/wire';
import { AnsweredCalls } from './answered-calls.ts';
import type { Attachment } from './attachment.ts';
import { BorrowedSupernodes } from './borrowed-supernodes.ts';
import { CertificateRenewal, localPartyOf } from './certificate-renewal.ts';
import type { CheckedEndpoint } from './endpoints.ts';
import { carryOutOnLegs } from './leg-outputs.ts';
import { Legs } from './legs.ts';
import { LocalNetwork } from './local-network.ts';
import { People } from './people.ts';
import { PhoneRunner } from './phone-runner.ts';
import { Pings } from './pings.ts';
import { deviceRevoked } from './revoked-device.ts';
import { Signals } from './signals.ts';
import { mayGoDirect, type SoftphoneEvent, type SoftphoneOptions } from './softphone-options.ts';
import { SupernodeListStore } from './supernode-list-store.ts';
import { SupernodeMemory } from './supernode-memory.ts';
import { SupernodePool } from './supernode-pool.ts';
import { TextMessages } from './text-messages.ts';

/**
 * Runs the pure parts on real sockets and clocks: signalling through supernodes, media legs, sound. Emits `event`
 * with everything that the contract promises.
 */
export class Softphone extends EventEmitter<{ event: [SoftphoneEvent]; closed: [] }> {
  readonly #options: SoftphoneOptions;
  readonly #store: SupernodeListStore;
  readonly #pool: SupernodePool;
  readonly #people: People;
  readonly #phone: Phone;
  readonly #runner: PhoneRunner;
  readonly #borrowed: BorrowedSupernodes;
  readonly #signals: Signals;
  readonly #calls: AnsweredCalls;
  readonly #pings: Pings;
  readonly #revoked = Promise.withResolvers<never>();
  readonly #texts: TextMessages;
  #network: LocalNetwork | null = null;
  #legs: Legs | null = null;
  #wasCalm = true;
  readonly #renewal: CertificateRenewal;

  constructor(options: SoftphoneOptions) {
    super();
    this.#options = options;
    this.#revoked.promise.catch(() => {});
    const { profile } = options;
    const report = (event: SoftphoneEvent) => this.#report(event);
    this.#store = new SupernodeListStore(
      options.home,
      profile.directory,
      options.allowNets ?? [],
      options.log,
    );
    this.#phone = new Phone(localPartyOf(profile), nodeCrypto, (id) => this.#store.byId.has(id));
    this.#runner = new PhoneRunner({
      phone: this.#phone,
      carryOut: (output) => this.#carryOut(output),
      onSettled: () => this.#handleSettled(),
    });
    this.#phone.turnsAway = (name, key) => options.guard?.turnsAway(name, key) ?? null;
    const { messages: store, guard, blocked, log } = options;
    this.#texts = new TextMessages({ store, guard, blocked, log, now: Date.now });
    this.#pool = this.#makePool();
    this.#borrowed = new BorrowedSupernodes(this.#pool, this.#store, options.log);
    this.#signals = new Signals({
      pool: this.#pool,
      borrowed: this.#borrowed,
      act: (verb) => this.#runner.act(verb),
      mayVisit: (callId) => mayGoDirect(options) && this.#phone.isCaller(callId),
    });
    this.#people = new People({ softphone: options, store: this.#store, pool: this.#pool, report });
    this.#calls = new AnsweredCalls(options, report);
    this.#renewal = new CertificateRenewal({
      ...{ home: options.home, log },
      profile: () => options.profile,
      onRenewed: (renewed) => {
        options.profile = renewed;
        this.#phone.updateLocal(localPartyOf(renewed));
        this.#pool.updateProfile(renewed);
      },
    });
    this.#pings = new Pings({
      legOf: (legId) => this.#legs?.get(legId),
      localAddressOf: (leg, path) => this.#legs?.localAddressOf(leg, path) ?? '',
      report,
    });
  }

  #makePool(): SupernodePool {
    const { profile, log } = this.#options;
    return new SupernodePool(
      this.#store,
      profile,
      {
        onAttached: (attachment, spare) => this.#handleAttached(attachment, spare),
        onLost: ({ entry, supernodeId }, reason) => {
          this.#report({ event: 'detached', supernode: entry.name, reason });
          log.warn({ supernode: entry.name }, 'control connection lost; reconnecting');
          this.#tellAttached();
          this.#legs?.handleLost(supernodeId);
        },
        onLeft: ({ entry, supernodeId }, reason) => {
          this.#report({ event: 'detached', supernode: entry.name, reason });
          this.#tellAttached();
          // Of the others none is left that carries something of a call.
          if (reason === 'renewed') this.#legs?.handleLost(supernodeId);
        },
        onGoingAway: ({ supernodeId }) => {
          this.#tellAttached();
          this.#legs?.handleGoingAway(supernodeId);
        },
        onSignal: (attachment, signal) => this.#signals.handleSignal(attachment, signal),
        onUndeliverable: (attachment, failed) => this.#signals.handleUndeliverable(attachment, failed),
        onRevoked: () => this.#revoked.reject(deviceRevoked(this.#options.profile)),
        onRefused: ({ code }) => {
          if (code === 'certificate-expired') void this.#renewal.renew();
        },
        busy: () => ({ inUse: this.#legs?.supernodes ?? new Set(), isCalm: this.isCalm }),
      },
      log,
    );
  }

  /** Supernodes that we are attached to, best first. */
  get #attached(): string[] {
    return this.#pool.all.map(({ supernodeId }) => supernodeId);
  }

  /** Calls are to know where we can be reached. */
  #tellAttached(): void {
    const staying = this.#pool.staying.map(({ supernodeId }) => supernodeId);
    this.#runner.act((phone, nowMs) => phone.setAttached(staying, nowMs));
  }

  /**
   * Opens the sockets and attaches; with `accepts` others can call.
   * @throws OvercallError when there is no supernode list or no supernode takes us
   */
  async start(accepts: boolean): Promise<void> {
    this.#network = await this.#openNetwork();
    this.#legs = new Legs({
      softphone: this.#options,
      network: this.#network,
      pool: this.#pool,
      store: this.#store,
      borrowed: this.#borrowed,
      calls: this.#calls,
      pings: this.#pings,
      tell: (legId, message) => this.#runner.act((phone) => phone.tell(legId, message)),
      onOverdue: (legId) => this.#runner.act((phone, nowMs) => phone.handleOverdue(legId, nowMs)),
      onEnded: (legId, reason) =>
        this.#runner.act((phone, nowMs) => phone.handleMediaEnded(legId, reason, nowMs)),
      offer: (legId, ways) => this.#runner.act((phone) => phone.offerRoutes(legId, ways)),
      refuse: (legId, receiveFlow) => this.#runner.act((phone) => phone.refuseRoute(legId, receiveFlow)),
      setNear: (legId, near) => this.#runner.act((phone) => phone.setNear(legId, near)),
    });
    const memory = new SupernodeMemory(this.#options.home, this.#options.log);
    await this.#pool.start(accepts, { network: this.#network, memory });
    this.#renewal.start();
  }

  #openNetwork(): Promise<LocalNetwork> {
    return LocalNetwork.open(this.#options, {
      onDatagram: (socket, datagram, from) => this.#handleDatagram(socket, datagram, from),
      onCandidates: (candidates) =>
        this.#legs?.actOnAll((session, nowMs) => session.setCandidates(candidates, nowMs)),
      onChange: () => {
        this.#legs?.actOnAll((session, nowMs) => session.handleNetworkChange(nowMs));
        this.#pool.handleNetworkChange();
      },
      onNat: (nat) => this.#legs?.setNat(nat),
      onPortMapped: (address, protocol) => this.#report({ event: 'port-mapping', protocol, address }),
      inUse: () => this.#pool.all.map(({ entry }) => entry),
      all: () => this.#store.entries,
    });
  }

  #handleAttached(attachment: Attachment, spare: boolean): void {
    const { entry, rttMs, supernodeId } = attachment;
    this.#report({ event: 'attached', supernode: entry.name, rttMs: Number(rttMs.toFixed(1)), spare });
    this.#network?.refreshNat();
    this.#tellAttached();
    this.#legs?.handleAttached(supernodeId);
  }

  /** Rejects when the directory says that this device is revoked: then it is to be closed. */
  get revoked(): Promise<never> {
    return this.#revoked.promise;
  }

  /** Key ids of the supernodes that it is attached to. */
  get attachedTo(): readonly string[] {
    return this.#attached;
  }

  /** See {@link SupernodePool.avoid}. */
  avoid(supernodeId: string): void {
    this.#pool.avoid(supernodeId);
  }

  get pool(): SupernodePool {
    return this.#pool;
  }

  get store(): SupernodeListStore {
    return this.#store;
  }

  /** See {@link People.findEndpoints}. */
  findEndpoints(name: string, mayVisit = true): Promise<CheckedEndpoint[]> {
    return this.#people.findEndpoints(name, mayVisit);
  }

  /** See {@link People.checkContact}. */
  checkContact(name: string, key: SigningPublicKey): void {
    this.#people.checkContact(name, key);
  }

  /** Places a call; progress comes as events. Returns the call id. */
  call(name: string): string {
    const callId = randomBytes(16).toString('base64url');
    this.#runner.act((phone, nowMs) => phone.call(callId, name, nowMs));
    return callId;
  }

  /** The ways over supernodes that a call has, by the names of these. */
  routesOf(callId: string): string[] {
    return this.#legs?.routesOf(callId) ?? [];
  }

  /** Measures the paths to somebody without ringing; what is seen comes as events, until `hangUp`. */
  ping(name: string): string {
    const callId = randomBytes(16).toString('base64url');
    this.#pings.add(callId, name);
    this.#runner.act((phone, nowMs) => phone.ping(callId, name, nowMs));
    return callId;
  }

  accept(callId: string): void {
    this.#runner.act((phone, nowMs) => phone.accept(callId, nowMs));
  }

  decline(callId: string): void {
    this.#runner.act((phone, nowMs) => phone.decline(callId, nowMs));
  }

  hangUp(callId: string): void {
    this.#runner.act((phone, nowMs) => phone.hangUp(callId, nowMs));
  }

  /** Sends silence instead of the microphone, or not any more; the peer is told. */
  toggleMute(callId: string): void {
    this.#runner.act((phone) => phone.sayInCall(callId, (call) => call.setState('muted', !call.isMuted)));
  }

  /** Neither side hears the other, until it is called again; the peer is told. */
  toggleHold(callId: string): void {
    this.#runner.act((phone) => phone.sayInCall(callId, (call) => call.setState('held', !call.isHeld)));
  }

  /** Keys of a telephone, for the program or person at the other end. */
  pressKeys(callId: string, keys: string): void {
    for (const key of keys) this.#runner.act((phone) => phone.sayInCall(callId, (call) => call.press(key)));
  }

  /** Whoever calls hears that one is busy, or not any more. Those who show it follow the event. */
  setDoNotDisturb(on: boolean): void {
    const { guard } = this.#options;
    if (guard === undefined || guard.doNotDisturb === on) return;
    guard.doNotDisturb = on;
    this.#report({ event: 'do-not-disturb', on });
  }

  /**
   * Sends something to read; what becomes of it comes as an event with the id that is returned.
   * @throws OvercallError `message-invalid`, `too-many-messages`
   */
  message(name: string, typed: string): string {
    return this.#texts.send(name, typed, (id, text) => {
      let isTaken = false;
      this.#runner.act((phone, nowMs) => {
        isTaken = phone.sendText(id, name, text, nowMs);
      });
      return isTaken;
    });
  }

  /** Hangs up every call, detaches and closes the sockets. */
  async close(): Promise<void> {
    this.#runner.act((phone, nowMs) => phone.hangUpAll(nowMs));
    this.#renewal.stop();
    this.#network?.stopDiscovery();
    await Promise.all([this.#calls.closed(), this.#legs?.closed(), this.#runner.copied()]);
    this.#runner.stop();
    await Promise.all([this.#pool.close(), this.#network?.releasePort()]);
    await this.#network?.close();
    this.emit('closed');
  }

  #handleSettled(): void {
    if (this.#wasCalm !== this.isCalm) this.#pool.refresh();
    this.#wasCalm = this.isCalm;
  }

  /** No call at all: a good moment to move to better supernodes. */
  get isCalm(): boolean {
    return this.#phone.isIdle && (this.#legs?.isIdle ?? true);
  }

  #carryOut(output: PhoneOutput): void {
    switch (output.type) {
      case 'lookup':
        void this.#find(output);
        break;
      case 'verify':
        void this.#verify(output.inviteId, output.chain);
        break;
      case 'keep':
        void this.#keep(output.keepId, this.#texts.keep(output.text));
        break;
      case 'keep-written':
        void this.#keep(output.keepId, this.#texts.keepWritten(output.text));
        break;
      case 'signal':
        this.#signals.send(output);
        break;
      case 'event':
        this.#handlePhoneEvent(output.event);
        break;
      default:
        if (this.#legs !== null) carryOutOnLegs(this.#legs, output);
    }
  }

  async #find({ callId, name, again }: PhoneOutput & { type: 'lookup' }): Promise<void> {
    const found = again
      ? this.#people.findEndpoints(name)
      : this.#people.findPatiently(name, !this.#pings.has(callId) && !this.#phone.isText(callId));
    const endpoints = await found.catch((error) => {
      this.#report({ event: 'refused', callId, name, ...errorFields(error) });
      return [];
    });
    this.#runner.act((phone, nowMs) => phone.handleFound(callId, endpoints, nowMs));
  }

  async #keep(keepId: number, kept: Promise<Keeping>): Promise<void> {
    const keeping = await kept;
    this.#runner.act((phone) => phone.handleKept(keepId, keeping));
  }

  async #verify(inviteId: number, chain: CertificateChain): Promise<void> {
    const peer = await this.#people.verify(chain);
    this.#runner.act((phone, nowMs) => phone.handleVerified(inviteId, peer, nowMs));
  }

  #handlePhoneEvent(event: PhoneEvent): void {
    this.#texts.handleEvent(event);
    if (event.event === 'ping-answered' || event.event === 'ping-ended') this.#pings.handleEvent(event);
    else this.#calls.handleEvent(event);
  }

  #handleDatagram(socket: number, datagram: Uint8Array, from: string): void {
    if (datagram.length < 5) return;
    if (datagram[0]! <= LAST_STUN_BYTE) {
      this.#network?.gatherer.handleDatagram(socket, from, datagram);
      this.#pool.handleStun(datagram, from);
    } else if (datagram[0] === DatagramType.Media || !this.#pool.handleProbe(datagram, from))
      this.#legs?.handleDatagram(socket, datagram, from);
  }

  #report(event: SoftphoneEvent): void {
    this.emit('event', event);
  }
}

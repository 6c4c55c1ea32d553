import { randomBytes } from 'node:crypto';
import type { Logger } from '@overcall/cli';
import type { SupernodeEntry } from '@overcall/identity';
import { DeadlineTimer, monotonicMs, secureRandom } from '@overcall/net';
import {
  type AttachOutput,
  AttachPolicy,
  attachedUntilMs,
  type Busy,
  type LeaveReason,
} from '@overcall/overlay';
import { OvercallError, viewOf } from '@overcall/wire';
import { type Attachment, type AttachmentHandlers, RefusedError } from './attachment.ts';
import type { ProbeNetwork } from './attachment-watch.ts';
import { HeldAttachments } from './held-attachments.ts';
import { choiceOf } from './listed-supernodes.ts';
import { PoolList } from './pool-list.ts';
import { type FoundEndpoint, lookUpAt } from './pool-lookup.ts';
import { PoolStart } from './pool-start.ts';
import { PresenceAnnouncer } from './presence-announcer.ts';
import type { Profile } from './profile.ts';
import { deviceRevoked } from './revoked-device.ts';
import { RoundTrips } from './round-trips.ts';
import type { SupernodeListStore } from './supernode-list-store.ts';
import type { SupernodeMemory } from './supernode-memory.ts';

export interface PoolHandlers {
  onAttached(attachment: Attachment, spare: boolean): void;
  /** Its connection broke (`lost`), or nothing comes over it any more (`silent`). */
  onLost(attachment: Attachment, how: 'lost' | 'silent'): void;
  /** One was given up, because another one is better or it is not needed any more. */
  onLeft(attachment: Attachment, reason: LeaveReason): void;
  onSignal: AttachmentHandlers['onSignal'];
  onUndeliverable: AttachmentHandlers['onUndeliverable'];
  /** A supernode refused us, at attaching or later. */
  onRefused(refusal: OvercallError): void;
  /** The list that the directory signed says that this device is revoked: there is nothing left to do for it. */
  onRevoked(): void;
  /** A supernode is about to stop, or does not relay: what calls have there should move. */
  onGoingAway?(attachment: Attachment, withinMs: number): void;
  /** What calls need now; nothing where it is not said. */
  busy?(): Busy;
}

/** What a pool has of this machine; without it nothing is measured, probed over UDP, or remembered. */
export interface PoolSurroundings {
  network?: ProbeNetwork;
  memory?: Pick<SupernodeMemory, 'read' | 'write'>;
}

const NO_NETWORK: ProbeNetwork = { socketFor: () => null, send: () => {} };

/**
 * Keeps this softphone attached to a good supernode and a spare, as the {@link AttachPolicy} says, and to others while a
 * call needs them.
 */
export class SupernodePool {
  /** Names this process: a device may run several softphones. */
  readonly endpoint = randomBytes(16).toString('base64url');
  readonly #held: HeldAttachments;
  readonly #policy = new AttachPolicy(secureRandom);
  readonly #store: SupernodeListStore;
  readonly #list: PoolList;
  readonly #presence: PresenceAnnouncer;
  readonly #handlers: PoolHandlers;
  readonly #log: Logger;
  readonly #timer = new DeadlineTimer(() => this.#turn());
  #network = NO_NETWORK;
  #roundTrips: RoundTrips | null = null;
  #memory: PoolSurroundings['memory'];
  #profile: Profile;
  #accepts = false;
  #closed = false;
  #start: PoolStart | null = null;

  constructor(store: SupernodeListStore, profile: Profile, handlers: PoolHandlers, log: Logger) {
    this.#store = store;
    const profileNow = () => this.#profile;
    this.#list = new PoolList(
      { store, profile: profileNow, random: secureRandom, onTaken: () => this.#handleList() },
      log,
    );
    this.#profile = profile;
    this.#handlers = handlers;
    this.#log = log;
    this.#presence = new PresenceAnnouncer({
      endpoint: this.endpoint,
      profile: profileNow,
      attachmentOf: (id) => this.get(id),
    });
    const self = { endpoint: this.endpoint, profile: profileNow, network: () => this.#network };
    this.#held = new HeldAttachments(
      self,
      {
        onSignal: handlers.onSignal,
        onUndeliverable: handlers.onUndeliverable,
        onList: (telling, version) => this.#list.handleNews(telling.entry, version),
        onRefused: (refusing, refusal) => this.#handleRefused(refusing, refusal),
        onMove: (moving, move) => {
          this.#tell((policy, nowMs) => policy.handleMove(moving.supernodeId, move, nowMs));
          handlers.onGoingAway?.(moving, move.withinMs);
        },
        onAttached: (attachment, isSpare) => this.#handleAttached(attachment, isSpare),
        judge: (entry, error) => this.#list.checkRefusal(entry, error),
        onFailed: (id, error, tookMs) => this.#handleFailed(id, error, tookMs),
        onLost: (attachment, how) => this.#handleLost(attachment, how),
        onRelay: (attachment, works) => {
          this.#tell((policy, nowMs) => policy.handleRelay(attachment.supernodeId, works, nowMs));
          if (!works) handlers.onGoingAway?.(attachment, 0);
        },
        onUnprovable: ({ supernodeId }) => this.#tell((policy) => policy.handleUnprovable(supernodeId)),
        onSuspect: ({ supernodeId }, isSuspect) =>
          this.#tell((policy) => policy.handleSuspect(supernodeId, isSuspect)),
      },
      log,
    );
  }

  /**
   * Attaches to the first supernode that answers; a spare and better ones follow in the background. With `accepts`
   * others can call this endpoint. Where all are full, those that say when there may be room are asked again. Nobody waits for
   * the directory who has stored a list: it is asked for a newer one beside.
   * @throws OvercallError of the last refusal when none takes us, or when there is no list
   */
  async start(accepts: boolean, { network = NO_NETWORK, memory }: PoolSurroundings = {}): Promise<void> {
    this.#accepts = accepts;
    this.#network = network;
    this.#memory = memory;
    this.#roundTrips = new RoundTrips(network, {
      onMeasured: (id, rttMs) => this.#tell((policy, nowMs) => policy.handleMeasured(id, rttMs, nowMs)),
      onOver: () => memory?.write(this.#policy.memory),
    });
    if (memory !== undefined) this.#policy.remember(memory.read());
    if (await this.#store.loadStored()) {
      await this.#startWithStored();
      void this.#list.followDirectory();
    } else {
      await this.#store.load();
      await this.#startWithList();
    }
  }

  async #startWithStored(): Promise<void> {
    const { version } = this.#store;
    try {
      await this.#startWithList();
    } catch (error) {
      // Its supernodes may all have gone since.
      await this.#store.load().catch(() => {});
      if (this.#store.version === version) throw error;
      await this.#startWithList();
    }
  }

  async #startWithList(): Promise<void> {
    this.#start = new PoolStart(this.#log);
    await this.#list.take();
    // A list that came when the last supernode of the one before had failed may have led somewhere meanwhile.
    if (this.#held.size === 0) await this.#start.over;
  }

  get(supernodeId: string): Attachment | undefined {
    return this.#held.get(supernodeId);
  }

  /** The best first; one that is silent, or does not relay, last. */
  get all(): Attachment[] {
    return this.#policy.ranked(monotonicMs()).flatMap((id) => this.get(id) ?? []);
  }

  /** Of {@link all} those to count on: well, and not about to stop. */
  get staying(): Attachment[] {
    return this.#policy.staying(monotonicMs()).flatMap((id) => this.get(id) ?? []);
  }

  /** Supernodes that we have measured, and their round trips, ms. */
  get near(): { supernodeId: string; rttMs: number }[] {
    const attached = this.all.map(({ supernodeId, rttMs }) => ({ supernodeId, rttMs }));
    const others = this.#policy.memory
      .filter(({ id }) => this.get(id) === undefined)
      .map(({ id, rttMs }) => ({ supernodeId: id, rttMs }));
    return [...attached, ...others];
  }

  /** It is this softphone itself, which serves: of no use to hold on to when this host is in trouble. */
  avoid(supernodeId: string): void {
    this.#list.avoid(supernodeId);
    if (this.#start !== null) void this.#list.take();
  }

  #handleList(): void {
    if (this.#list.isRevoked) {
      this.#start?.fail(deviceRevoked(this.#profile));
      this.#handlers.onRevoked();
    }
    this.#tell((policy, nowMs) => policy.setListed(this.#list.choices, nowMs));
  }

  /** Something has happened: what follows from it? */
  #tell(verb: (policy: AttachPolicy, nowMs: number) => void): void {
    verb(this.#policy, monotonicMs());
    this.#turn();
  }

  /** Calls have begun or ended. */
  refresh(): void {
    if (this.#start !== null) this.#turn();
  }

  /** A way of a call that begins at this supernode has fallen silent. */
  handleRouteDown(supernodeId: string): void {
    this.#held.handleRouteDown(supernodeId);
  }

  #turn(): void {
    if (this.#closed) return;
    const busy = this.#handlers.busy?.();
    if (busy !== undefined) {
      this.#policy.setBusy(busy);
      this.#held.setInUse(busy.inUse);
    }
    for (const output of this.#policy.poll(monotonicMs())) this.#carryOut(output);
    const { deadline } = this.#policy;
    this.#timer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
  }

  #carryOut(output: AttachOutput): void {
    switch (output.type) {
      case 'measure':
        this.#roundTrips?.measure(
          output.supernodes.flatMap((id) => {
            const udp = this.#list.entry(id)?.udp;
            return udp === undefined ? [] : [{ id, udp }];
          }),
        );
        break;
      case 'attach': {
        const entry = this.#list.entry(output.supernode);
        if (entry !== undefined) void this.attach(entry).catch(() => {});
        break;
      }
      case 'leave':
        this.#leave(output);
        break;
      case 'announce':
        if (this.#accepts) this.#presence.announce(output.supernodes);
    }
  }

  #leave({ supernode, reason }: Extract<AttachOutput, { type: 'leave' }>): void {
    const left = this.#held.forget(supernode);
    if (left === undefined) return;
    this.#log.info({ supernode: left.entry.name, reason }, 'left a supernode');
    left.close();
    this.#handlers.onLeft(left, reason);
  }

  /** A call does not need this one any more; it stays where it is one of those that we keep. */
  leave(supernodeId: string): void {
    this.#tell((policy, nowMs) => policy.handleVisitOver(supernodeId, nowMs));
  }

  /** Attaches to this supernode if we are not yet, and once only when asked twice at the same time. */
  attach(entry: SupernodeEntry): Promise<Attachment> {
    return this.#held.attach(entry);
  }

  #handleAttached(attachment: Attachment, isSpare: boolean): void {
    const { supernodeId, rttMs, load, entry } = attachment;
    const isOutdated = attachment.profile !== this.#profile;
    this.#list.handleAttached(attachment);
    this.#tell((policy, nowMs) =>
      policy.handleAttached(choiceOf(supernodeId, entry), { rttMs, load, isOutdated }, nowMs),
    );
    this.#handlers.onAttached(attachment, isSpare);
    this.#start?.handleAttached();
  }

  #handleFailed(id: string, error: unknown, tookMs: number): void {
    if (error instanceof OvercallError) this.#handlers.onRefused(error);
    const retryAfterMs = error instanceof RefusedError ? error.retryAfterMs : undefined;
    this.#tell((policy, nowMs) => policy.handleFailed(id, retryAfterMs, nowMs));
    const listed = this.#list.all.length;
    this.#start?.handleFailed(id, { error, tookMs, retryAfterMs, listed, underWay: this.#held.underWay });
    if (this.#held.size === 0) void this.#list.reload();
  }

  /** Of a record that was not taken; other refusals come with a close. */
  #handleRefused(attachment: Attachment, refusal: OvercallError): void {
    this.#log.warn({ supernode: attachment.entry.name, code: refusal.code }, refusal.message);
    this.#handlers.onRefused(refusal);
    if (refusal.code === 'device-revoked') void this.#list.handleClaim(attachment.entry);
    if (this.#accepts) this.#presence.handleRefused(refusal.code);
  }

  #handleLost(attachment: Attachment, how: 'lost' | 'silent'): void {
    this.#handlers.onLost(attachment, how);
    this.#tell((policy, nowMs) => policy.handleLost(attachment.supernodeId, nowMs));
    if (this.#held.size === 0) void this.#list.reload();
  }

  /** New certificates: every supernode gets to see them. */
  updateProfile(profile: Profile): void {
    const cutOffInMs = attachedUntilMs(this.#profile) - Date.now();
    this.#profile = profile;
    this.#tell((policy, nowMs) => policy.handleRenewed(cutOffInMs, nowMs));
  }

  /** This machine is in another network: what was measured is void, and connections may lead nowhere. */
  handleNetworkChange(): void {
    this.#held.handleDoubt();
    this.#tell((policy, nowMs) => policy.handleNetworkChange(nowMs));
  }

  /** A STUN message from a supernode. */
  handleStun(datagram: Uint8Array, from: string): void {
    this.#roundTrips?.handleDatagram(from, datagram);
  }

  /** Whether a datagram was one of our probes of relays. */
  handleProbe(datagram: Uint8Array, from: string): boolean {
    return this.#held.handleProbe(viewOf(datagram).getUint32(1), datagram, from);
  }

  /** See {@link lookUpAt}; without `elsewhere`, at our own supernodes alone. */
  lookup(name: string, { elsewhere = true } = {}): Promise<FoundEndpoint[]> {
    const others = () =>
      (elsewhere ? this.#list.all : [])
        .filter(({ id }) => this.get(id) === undefined)
        .flatMap(({ id }) => this.#list.entry(id) ?? []);
    return lookUpAt(name, this.all, others, (entry) => this.attach(entry));
  }

  async close(): Promise<void> {
    if (this.#accepts && !this.#closed) await this.#presence.withdraw().catch(() => {});
    this.#closed = true;
    this.#list.close();
    this.#timer.set(null);
    this.#start?.close();
    this.#roundTrips?.close();
    this.#memory?.write(this.#policy.memory);
    this.#held.close();
  }
}

import type { Logger } from '@overcall/cli';
import { keyIdOf, type SupernodeEntry } from '@overcall/identity';
import { monotonicMs } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import { Attachment, type AttachmentHandlers } from './attachment.ts';
import { AttachmentWatch, type ProbeNetwork } from './attachment-watch.ts';
import type { Profile } from './profile.ts';

/** What a softphone attaches as, and by which sockets it probes. */
export interface Attacher {
  endpoint: string;
  profile(): Profile;
  network(): ProbeNetwork;
}

export interface HeldHandlers
  extends Pick<AttachmentHandlers, 'onSignal' | 'onUndeliverable' | 'onList' | 'onRefused' | 'onMove'> {
  onAttached(attachment: Attachment, isSpare: boolean): void;
  /** What is to be told to those who wait for it: the error, or what it really means. */
  judge(entry: SupernodeEntry, error: unknown): Promise<unknown>;
  /** @param tookMs from when on it had been tried, ms */
  onFailed(supernodeId: string, error: unknown, tookMs: number): void;
  /** Its connection broke (`lost`), or nothing comes over it any more (`silent`); it is not held any more. */
  onLost(attachment: Attachment, how: 'lost' | 'silent'): void;
  /** Whether probes come back through its relay. */
  onRelay(attachment: Attachment, works: boolean): void;
  onUnprovable(attachment: Attachment): void;
  /** It is silent for longer than usual, or no more. */
  onSuspect(attachment: Attachment, isSuspect: boolean): void;
}

/** The supernodes that a softphone is attached to, each with its watch, and those that it is attaching to. */
export class HeldAttachments {
  readonly #held = new Map<string, { attachment: Attachment; watch: AttachmentWatch }>();
  readonly #opening = new Map<string, Promise<Attachment>>();
  readonly #self: Attacher;
  readonly #handlers: HeldHandlers;
  readonly #log: Logger;
  #wasAttached = false;
  #isClosed = false;

  constructor(self: Attacher, handlers: HeldHandlers, log: Logger) {
    this.#self = self;
    this.#handlers = handlers;
    this.#log = log;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Attaches under way. */
  get underWay(): number {
    return this.#opening.size;
  }

  get(supernodeId: string): Attachment | undefined {
    return this.#held.get(supernodeId)?.attachment;
  }

  /**
   * Everybody else may have lost them in the same moment and come to the same supernodes now, where a second connection beside a slow
   * one makes all of them slower.
   */
  get #hasLostAll(): boolean {
    return this.#wasAttached && this.#held.size === 0;
  }

  /** Attaches to this supernode if we are not yet, and once only when asked twice at the same time. */
  async attach(entry: SupernodeEntry): Promise<Attachment> {
    const id = await keyIdOf(entry.key);
    const existing = this.get(id);
    if (existing !== undefined) return existing;
    const opening = this.#opening.get(id) ?? this.#open(id, entry).finally(() => this.#opening.delete(id));
    this.#opening.set(id, opening);
    return opening;
  }

  async #open(id: string, entry: SupernodeEntry): Promise<Attachment> {
    const beganAtMs = monotonicMs();
    const handlers: AttachmentHandlers = {
      ...this.#handlers,
      onHeard: (heard) => {
        if (this.get(id) === heard) this.#held.get(id)?.watch.handleHeard();
      },
      onClose: (closed) => this.#lose(closed, 'lost'),
    };
    const mayRace = !this.#hasLostAll;
    const opened = Attachment.open(entry, this.#self.profile(), this.#self.endpoint, handlers, { mayRace });
    const attachment = await opened.catch(async (refusal: unknown) => {
      const tookMs = monotonicMs() - beganAtMs;
      const error = await this.#handlers.judge(entry, refusal);
      this.#handlers.onFailed(id, error, tookMs);
      throw error;
    });
    if (this.#isClosed) {
      attachment.close();
      throw new OvercallError('interrupted', 'interrupted');
    }
    this.#hold(attachment);
    return attachment;
  }

  #hold(attachment: Attachment): void {
    const isSpare = this.#held.size > 0;
    const watch = this.#watch(attachment);
    this.#held.set(attachment.supernodeId, { attachment, watch });
    this.#wasAttached = true;
    this.#handlers.onAttached(attachment, isSpare);
    watch.start();
    // What it said in the meantime is heard by somebody now.
    attachment.start();
  }

  #watch(attachment: Attachment): AttachmentWatch {
    const { name } = attachment.entry;
    let works: string | null = null;
    return new AttachmentWatch(
      attachment,
      this.#self.network(),
      {
        onRelay: (relays, transport) => {
          const verdict = relays ? `relays over ${transport}` : 'does not relay';
          if (verdict !== works) this.#log.info({ supernode: name }, `the supernode ${verdict}`);
          works = verdict;
          this.#handlers.onRelay(attachment, relays);
        },
        onUnprovable: () => this.#handlers.onUnprovable(attachment),
        onSuspect: (isSuspect) => this.#handlers.onSuspect(attachment, isSuspect),
        onDead: () => {
          this.#log.warn({ supernode: name }, 'the supernode does not answer any more');
          this.#lose(attachment, 'silent');
          attachment.close();
        },
      },
      this.#log,
    );
  }

  #lose(attachment: Attachment, how: 'lost' | 'silent'): void {
    const { supernodeId } = attachment;
    if (this.get(supernodeId) !== attachment) return;
    this.forget(supernodeId);
    if (!this.#isClosed) this.#handlers.onLost(attachment, how);
  }

  /** It is not held any more; whoever gets it may close it. */
  forget(supernodeId: string): Attachment | undefined {
    const held = this.#held.get(supernodeId);
    this.#held.delete(supernodeId);
    held?.watch.close();
    return held?.attachment;
  }

  setInUse(supernodeIds: ReadonlySet<string>): void {
    for (const [id, { watch }] of this.#held) watch.setInUse(supernodeIds.has(id));
  }

  /** A way of a call that begins at this supernode has fallen silent. */
  handleRouteDown(supernodeId: string): void {
    this.#held.get(supernodeId)?.watch.handleRouteDown();
  }

  /** Connections may lead nowhere. */
  handleDoubt(): void {
    for (const { watch } of this.#held.values()) watch.handleDoubt();
  }

  /** Whether a datagram was one of our probes of relays. */
  handleProbe(flow: number, datagram: Uint8Array, from: string): boolean {
    for (const { watch } of this.#held.values()) if (watch.handleDatagram(flow, datagram, from)) return true;
    return false;
  }

  close(): void {
    this.#isClosed = true;
    for (const id of [...this.#held.keys()]) this.forget(id)?.close();
  }
}

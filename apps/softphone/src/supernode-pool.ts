import { randomBytes, randomInt } from 'node:crypto';
import type { Logger } from '@overcall/cli';
import { keyIdOf, type SupernodeEntry } from '@overcall/identity';
import { type CertificateChain, OvercallError } from '@overcall/wire';
import { Attachment, type AttachmentHandlers } from './attachment.ts';
import { ListFollower } from './list-follower.ts';
import type { Profile } from './profile.ts';
import type { SupernodeListStore } from './supernode-list-store.ts';

/** One supernode in use and a warm spare. */
const WANTED_ATTACHMENTS = 2;
/** Supernodes tried at first, and asked one after another for somebody who is not at ours. */
const MAX_TRIED = 8;
/** Reconnecting backs off from the first to the last of these, ms, each spread by +-50 %: Skype's lesson of 2007. */
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LAST_MS = 30_000;
/** A presence record that was refused is announced again after this, ms. */
const PRESENT_AGAIN_MS = 30_000;

/** What a supernode says about an endpoint, unchecked. */
export interface FoundEndpoint {
  attachment: Attachment;
  chain: CertificateChain;
  record: string;
}

export interface PoolHandlers {
  onAttached(attachment: Attachment, spare: boolean): void;
  onLost(attachment: Attachment): void;
  /** One that was more than is wanted was given up. */
  onLeft(): void;
  onSignal: AttachmentHandlers['onSignal'];
  onUndeliverable: AttachmentHandlers['onUndeliverable'];
  /** A supernode refused us, at attaching or later. */
  onRefused(refusal: OvercallError): void;
}

/** Keeps this softphone attached to the best supernode and a spare, and to others while a call needs them. */
export class SupernodePool {
  /** Names this process: a device may run several softphones. */
  readonly endpoint = randomBytes(16).toString('base64url');
  readonly #attachments = new Map<string, Attachment>();
  readonly #store: SupernodeListStore;
  readonly #lists: ListFollower;
  #profile: Profile;
  readonly #opening = new Map<string, Promise<Attachment>>();
  readonly #handlers: PoolHandlers;
  readonly #log: Logger;
  #accepts = false;
  #closed = false;
  #backoffMs = BACKOFF_FIRST_MS;
  #onFirst: () => void = () => {};
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(store: SupernodeListStore, profile: Profile, handlers: PoolHandlers, log: Logger) {
    this.#store = store;
    this.#lists = new ListFollower(store, log, () => this.#retryIfShort());
    this.#profile = profile;
    this.#handlers = handlers;
    this.#log = log;
  }

  /**
   * Attaches to the first supernode that answers, then to a spare in the background. With `accepts` others can
   * call this endpoint.
   * @throws OvercallError of the last refusal when none takes us
   */
  async start(accepts: boolean): Promise<void> {
    this.#accepts = accepts;
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve;
    });
    // A dead supernode must not hold up the start: the first to answer will do, the spare follows.
    const filled = this.#fill().finally(() => this.#retryIfShort());
    await Promise.race([first, filled]);
    filled.catch(() => {});
  }

  #retryIfShort(): void {
    if (this.#attachments.size < Math.min(WANTED_ATTACHMENTS, this.#store.entries.length)) this.#retryLater();
  }

  get(supernodeId: string): Attachment | undefined {
    return this.#attachments.get(supernodeId);
  }

  get all(): Attachment[] {
    return [...this.#attachments.values()].sort((a, b) => a.rttMs - b.rttMs);
  }

  /** Gives up one that is more than is wanted. */
  leave(supernodeId: string): void {
    const attachment = this.#attachments.get(supernodeId);
    if (attachment === undefined || this.#attachments.size <= WANTED_ATTACHMENTS) return;
    this.#attachments.delete(supernodeId);
    attachment.close();
    this.#handlers.onLeft();
  }

  /** Attaches to supernodes of the list, several at once, until there are enough. */
  async #fill(): Promise<void> {
    const candidates = shuffled(await this.#unused()).slice(0, MAX_TRIED);
    let failure: unknown = new OvercallError('no-supernodes', 'there is no supernode to attach to');
    while (this.#attachments.size < WANTED_ATTACHMENTS && candidates.length > 0) {
      const batch = candidates.splice(0, WANTED_ATTACHMENTS - this.#attachments.size);
      const results = await Promise.allSettled(batch.map((entry) => this.attach(entry)));
      for (const result of results) {
        if (result.status === 'rejected') failure = result.reason;
      }
    }
    if (this.#attachments.size === 0) throw failure;
  }

  async #unused(): Promise<SupernodeEntry[]> {
    const ids = await Promise.all(this.#store.entries.map((entry) => keyIdOf(entry.key)));
    return this.#store.entries.filter((_, i) => !this.#attachments.has(ids[i]!));
  }

  /** Attaches to this supernode if we are not yet, and once only when asked twice at the same time. */
  async attach(entry: SupernodeEntry): Promise<Attachment> {
    const id = await keyIdOf(entry.key);
    const existing = this.#attachments.get(id);
    if (existing !== undefined) return existing;
    const opening = this.#opening.get(id) ?? this.#open(entry).finally(() => this.#opening.delete(id));
    this.#opening.set(id, opening);
    return opening;
  }

  async #open(entry: SupernodeEntry): Promise<Attachment> {
    const attachment = await Attachment.open(entry, this.#profile, this.endpoint, {
      onSignal: this.#handlers.onSignal,
      onUndeliverable: this.#handlers.onUndeliverable,
      onList: (telling, version) => this.#lists.handleVersion(telling.entry, version, true),
      onRefused: (refusing, refusal) => this.#handleRefused(refusing, refusal),
      onClose: (closed) => this.#handleLost(closed),
    }).catch((error) => {
      if (error instanceof OvercallError) this.#handlers.onRefused(error);
      throw error;
    });
    if (this.#closed) {
      attachment.close();
      throw new OvercallError('interrupted', 'interrupted');
    }
    const spare = this.#attachments.size > 0;
    this.#attachments.set(attachment.supernodeId, attachment);
    this.#lists.handleVersion(entry, attachment.listVersion, false);
    if (this.#accepts) await attachment.present(true);
    this.#backoffMs = BACKOFF_FIRST_MS;
    this.#handlers.onAttached(attachment, spare);
    this.#onFirst();
    return attachment;
  }

  /** A record that was refused is announced again a little later; other refusals come with a close. */
  #handleRefused(attachment: Attachment, refusal: OvercallError): void {
    this.#log.warn({ supernode: attachment.entry.name, code: refusal.code }, refusal.message);
    this.#handlers.onRefused(refusal);
    const again = setTimeout(() => {
      if (this.#accepts && attachment.isOpen) void attachment.present(true);
    }, PRESENT_AGAIN_MS);
    again.unref();
  }

  /** New certificates: every supernode gets to see them, one connection after the other is made anew. */
  updateProfile(profile: Profile): void {
    this.#profile = profile;
    for (const attachment of this.#attachments.values()) attachment.close();
  }

  #handleLost(attachment: Attachment): void {
    if (this.#attachments.get(attachment.supernodeId) !== attachment) return;
    this.#attachments.delete(attachment.supernodeId);
    if (this.#closed) return;
    this.#handlers.onLost(attachment);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed || this.#retryTimer !== undefined) return;
    const delayMs = this.#backoffMs * (0.5 + randomInt(1000) / 1000);
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_LAST_MS);
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#store
        .load()
        .catch(() => {})
        .then(() => this.#fill())
        .catch((error) => this.#log.debug({ error: String(error) }, 'no supernode takes us yet'))
        .finally(() => this.#retryIfShort());
    }, delayMs);
    this.#retryTimer.unref();
  }

  /**
   * Asks our supernodes for `name`, then others of the list, all at once: the caller comes to the callee's
   * supernode. Those that know nothing are left again.
   */
  async lookup(name: string): Promise<FoundEndpoint[]> {
    const found = (await Promise.all(this.all.map((attachment) => this.#ask(attachment, name)))).flat();
    if (found.length > 0) return found;
    const others = (await this.#unused()).slice(0, MAX_TRIED);
    return (await Promise.all(others.map((entry) => this.#visit(entry, name)))).flat();
  }

  async #visit(entry: SupernodeEntry, name: string): Promise<FoundEndpoint[]> {
    const attachment = await this.attach(entry).catch(() => null);
    if (attachment === null) return [];
    const found = await this.#ask(attachment, name);
    if (found.length === 0) this.leave(attachment.supernodeId);
    return found;
  }

  async #ask(attachment: Attachment, name: string): Promise<FoundEndpoint[]> {
    const { endpoints } = await attachment.lookup(name).catch(() => ({ endpoints: [] }));
    return endpoints.map((endpoint) => ({ attachment, ...endpoint }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#lists.close();
    clearTimeout(this.#retryTimer);
    for (const attachment of this.#attachments.values()) attachment.close();
    this.#attachments.clear();
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}

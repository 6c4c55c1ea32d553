import { asTextMessage, plainText, type SignalBody, toBase64Url } from '@overcall/wire';
import type {
  CallContext,
  CallId,
  Keeping,
  PhoneEvent,
  RemoteEndpoint,
  SignalOrigin,
  TextFailure,
  TextMessage,
  WrittenText,
} from './call-types.ts';
import { MinuteLimit } from './minute-limit.ts';
import { OutgoingText } from './outgoing-text.ts';
import type { SecureLeg } from './secure-leg.ts';
import { ofIdentity } from './siblings.ts';

/** Text messages that wait to be sent. */
export const MAX_TEXTS_WAITING = 32;
/** Copies for one's own other softphones that wait; beyond that they do not get to see a message. */
const MAX_COPIES_WAITING = 32;
/** Taken of one user in a minute, and of everybody: each is a write to a disk, and may ring a bell. */
export const TEXTS_PER_MINUTE = { perUser: 30, all: 300 };
/** Random bytes that name a handshake. */
const ID_BYTES = 16;
/** Text messages that wait until they are on a disk; beyond that their senders hear that there are too many. */
const MAX_BEING_KEPT = 64;

/** What text messages need of a phone. */
export interface TextsOptions {
  context: CallContext;
  /** The leg of the call with somebody, when there is one. */
  legWith(name: string): SecureLeg | null;
}

/** A text message that has come, until it is kept. */
interface BeingKept {
  id: string;
  secure: SecureLeg;
  event: PhoneEvent & { event: 'message' | 'message-written' };
}

/**
 * Text messages out and in. To one name they go one after the other, so that they come in their order. What became of one
 * of ours, and what it was, is told to the other softphones of this user.
 */
export class Texts {
  readonly #options: TextsOptions;
  readonly #outgoing = new Map<CallId, OutgoingText>();
  readonly #beingKept = new Map<number, BeingKept>();
  #nextKeepId = 1;
  readonly #limit = new MinuteLimit(TEXTS_PER_MINUTE);
  /** One's own devices may write to many people, but none of them fills a disk. */
  readonly #copyLimit = new MinuteLimit({ perUser: TEXTS_PER_MINUTE.all, all: TEXTS_PER_MINUTE.all });

  constructor(options: TextsOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#outgoing.size === 0;
  }

  /** Other softphones of this user are being told what it wrote. */
  get isCopying(): boolean {
    return [...this.#outgoing.values()].some(({ isCopy }) => isCopy);
  }

  has(id: CallId): boolean {
    return this.#outgoing.has(id);
  }

  /** False when too many wait. */
  send(id: CallId, name: string, text: string, nowMs: number): boolean {
    if (this.#waiting(false) >= MAX_TEXTS_WAITING) return false;
    const outgoing = new OutgoingText(this.#options.context, {
      id,
      name,
      message: { t: 'text', id, text },
      choose: (found) => found,
      onEnd: (kept, isBusy) => {
        this.#tellEnd(id, name, kept, isBusy);
        this.#copy({ id, to: name, text, delivered: kept > 0 });
      },
    });
    this.#outgoing.set(id, outgoing);
    this.#settle(nowMs);
    return true;
  }

  #waiting(isCopy: boolean): number {
    return [...this.#outgoing.values()].filter((text) => text.isCopy === isCopy).length;
  }

  #tellEnd(id: CallId, to: string, devices: number, isBusy: boolean): void {
    const reason: TextFailure = isBusy ? 'busy' : 'unreachable';
    const event =
      devices > 0
        ? { event: 'message-delivered' as const, id, to, devices }
        : { event: 'message-failed' as const, id, to, reason };
    this.#options.context.emit({ type: 'event', event });
  }

  /** Queued only: whoever ends a message settles afterwards. */
  #copy(written: WrittenText): void {
    if (this.#waiting(true) >= MAX_COPIES_WAITING) return;
    const { context } = this.#options;
    const { name, identityKey } = context.local;
    const { id, to } = written;
    const copyId = toBase64Url(context.crypto.randomBytes(ID_BYTES));
    const copy = new OutgoingText(context, {
      id: copyId,
      name,
      message: { t: 'text-copy', ...written },
      choose: (found) => ofIdentity(found, identityKey),
      onEnd: (devices) => {
        if (devices > 0) context.emit({ type: 'event', event: { event: 'message-copied', id, to, devices } });
      },
    });
    this.#outgoing.set(copyId, copy);
  }

  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY;
    for (const text of this.#outgoing.values()) deadline = Math.min(deadline, text.deadline);
    return deadline;
  }

  handleTimeout(nowMs: number): void {
    for (const text of [...this.#outgoing.values()]) text.handleTimeout(nowMs);
    this.#settle(nowMs);
  }

  handleFound(id: CallId, endpoints: readonly RemoteEndpoint[], nowMs: number): void {
    this.#outgoing.get(id)?.handleFound(endpoints, nowMs);
    this.#settle(nowMs);
  }

  handleSignal(from: SignalOrigin, id: CallId, body: SignalBody, nowMs: number): void {
    this.#outgoing.get(id)?.handleSignal(from, body, nowMs);
    this.#settle(nowMs);
  }

  handleUndeliverable(to: { device: string; endpoint: string }, id: CallId, nowMs: number): void {
    this.#outgoing.get(id)?.handleUndeliverable(to, nowMs);
    this.#settle(nowMs);
  }

  handleAttached(isLossy: boolean): void {
    for (const text of this.#outgoing.values()) text.handleAttached(isLossy);
  }

  /** That messages of ours come to nothing is still told to the other softphones of this user. */
  giveUpAll(nowMs: number): void {
    for (const text of [...this.#outgoing.values()]) if (!text.isCopy) text.giveUp();
    this.#settle(nowMs);
  }

  giveUpCopies(): void {
    for (const text of this.#outgoing.values()) text.giveUp();
    this.#outgoing.clear();
  }

  /** The peer of a leg, whose certificate was checked, says something about text messages. */
  handle(secure: SecureLeg, message: TextMessage, nowMs: number): void {
    if (message.t === 'text') this.#handleText(secure, message, nowMs);
    else if (message.t === 'text-copy') this.#handleCopy(secure, message, nowMs);
    else this.#handleAck(secure, message, nowMs);
  }

  #handleText(secure: SecureLeg, { id, text: raw }: { id: string; text: string }, nowMs: number): void {
    const { peer, callId } = secure.ready;
    const text = asTextMessage(raw);
    if (text === null) return;
    const { name: from, identityKey } = peer;
    const event = { event: 'message' as const, id, from, text };
    // One that came by itself has the id of its handshake.
    const inCall = id === callId ? {} : { callId };
    const keepId = this.#admit(this.#limit.admit(identityKey.x, nowMs), {
      id,
      secure,
      event: { ...event, ...inCall },
    });
    if (keepId === null) return;
    const received = { id, from, identityKey: identityKey.x, text };
    this.#options.context.emit({ type: 'keep', keepId, text: received });
  }

  /** Null for one too many, whose sender is told so. */
  #admit(isWithinLimit: boolean, text: BeingKept): number | null {
    if (!isWithinLimit || this.#beingKept.size >= MAX_BEING_KEPT) {
      text.secure.send({ t: 'text-ack', id: text.id, busy: true });
      return null;
    }
    const keepId = this.#nextKeepId++;
    this.#beingKept.set(keepId, text);
    return keepId;
  }

  /** Answer to a `keep` or `keep-written` output: only now does the sender hear that it is kept. */
  handleKept(keepId: number, keeping: Keeping): void {
    const kept = this.#beingKept.get(keepId);
    this.#beingKept.delete(keepId);
    if (kept === undefined || keeping === 'refused') return;
    const { id, secure, event } = kept;
    secure.send({ t: 'text-ack', id });
    // What one wrote elsewhere is told even when it is there already: softphones of one home share what they keep, and each shows it.
    if (keeping === 'new' || event.event === 'message-written')
      this.#options.context.emit({ type: 'event', event });
  }

  /** Another softphone of this user has written something; nobody else may say so. */
  #handleCopy(
    secure: SecureLeg,
    { id, to, text: raw, delivered }: TextMessage & { t: 'text-copy' },
    nowMs: number,
  ): void {
    const { context } = this.#options;
    const { peer } = secure.ready;
    const { name, identityKey } = context.local;
    if (peer.name !== name || peer.identityKey.x !== identityKey) return;
    const text = asTextMessage(raw);
    if (text === null || plainText(to) !== to) return;
    const written: WrittenText = { id, to, text, delivered };
    const keepId = this.#admit(this.#copyLimit.admit(identityKey, nowMs), {
      id,
      secure,
      event: { event: 'message-written', ...written },
    });
    if (keepId !== null) context.emit({ type: 'keep-written', keepId, text: written });
  }

  #handleAck(secure: SecureLeg, { id, busy }: { id: string; busy?: true }, nowMs: number): void {
    const text = this.#outgoing.get(id);
    // Whoever else one talks with cannot say it of a message to others.
    if (text === undefined || text.name !== secure.ready.peer.name) return;
    text.handleAck(secure, busy === true, nowMs);
    this.#settle(nowMs);
  }

  /** Forgets what is over, and starts what waited for that. */
  #settle(nowMs: number): void {
    for (const [id, { state }] of this.#outgoing) if (state === 'ended') this.#outgoing.delete(id);
    const served = new Set<string>();
    for (const text of this.#outgoing.values()) {
      if (text.state === 'waiting' && !served.has(text.name))
        text.start(this.#options.legWith(text.name), nowMs);
      served.add(text.name);
    }
  }
}

import { asTextMessage, type SignalBody } from '@overcall/wire';
import type { CallContext, CallId, ReceivedText, RemoteEndpoint, SignalOrigin } from './call-types.ts';
import { OutgoingText } from './outgoing-text.ts';
import type { SecureLeg } from './secure-leg.ts';
import { TextLimit } from './text-limit.ts';

/** Text messages that wait to be sent. */
export const MAX_TEXTS_WAITING = 32;

/**
 * `new` and `known` (it was there before) say that it will not be lost, whatever happens now; what is `refused` is dropped
 * as if nobody were there.
 */
export type Keeping = 'new' | 'known' | 'refused';

/** What text messages need of a phone. */
export interface TextsOptions {
  context: CallContext;
  /** The leg of the call with somebody, when there is one. */
  legWith(name: string): SecureLeg | null;
  /** Keeps a text message for good; called before the sender is told so. */
  keep(text: ReceivedText): Keeping;
}

/** Text messages out and in. To one name they go one after the other, so that they come in their order. */
export class Texts {
  readonly #options: TextsOptions;
  readonly #outgoing = new Map<CallId, OutgoingText>();
  readonly #limit = new TextLimit();

  constructor(options: TextsOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#outgoing.size === 0;
  }

  has(id: CallId): boolean {
    return this.#outgoing.has(id);
  }

  /** False when too many wait. */
  send(id: CallId, name: string, text: string, nowMs: number): boolean {
    if (this.#outgoing.size >= MAX_TEXTS_WAITING) return false;
    this.#outgoing.set(id, new OutgoingText(this.#options.context, id, name, text));
    this.#settle(nowMs);
    return true;
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

  giveUpAll(): void {
    for (const text of this.#outgoing.values()) text.giveUp();
    this.#outgoing.clear();
  }

  /** The peer of a leg, whose certificate was checked, sends something to read. */
  handleText(secure: SecureLeg, { id, text: raw }: { id: string; text: string }, nowMs: number): void {
    const { peer, callId } = secure.ready;
    const text = asTextMessage(raw);
    if (text === null) return;
    if (!this.#limit.admit(peer.identityKey.x, nowMs)) {
      secure.send({ t: 'text-ack', id, busy: true });
      return;
    }
    const keeping = this.#options.keep({ id, from: peer.name, identityKey: peer.identityKey.x, text });
    if (keeping === 'refused') return;
    secure.send({ t: 'text-ack', id });
    if (keeping !== 'new') return;
    const event = { event: 'message' as const, id, from: peer.name, text };
    // One that came by itself has the id of its handshake.
    const inCall = id === callId ? {} : { callId };
    this.#options.context.emit({ type: 'event', event: { ...event, ...inCall } });
  }

  handleAck(secure: SecureLeg, { id, busy }: { id: string; busy?: true }, nowMs: number): void {
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

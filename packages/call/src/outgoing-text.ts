import { type SignalBody, SignalType } from '@overcall/wire';
import {
  type CallContext,
  type CallId,
  LOOKUP_TIMEOUT_MS,
  REFIND_ATTEMPTS,
  REFIND_INTERVAL_MS,
  type RemoteEndpoint,
  type SignalOrigin,
  type TextMessage,
} from './call-types.ts';
import { InvitedLeg } from './invited-leg.ts';
import type { SecureLeg } from './secure-leg.ts';

/** In a call: so long, ms, is waited for the word that it is kept; then it goes as if there were no call. */
const IN_CALL_PATIENCE_MS = 4000;
/** How long an endpoint may take for handshake and ack, ms: three round trips over supernodes, and a disk. */
const DELIVERY_TIMEOUT_MS = 10_000;
/** Once one softphone of the receiver has it, the others get so long, ms: some that are listed are not there any more. */
const OTHERS_TIMEOUT_MS = 1000;

export interface OutgoingTextOptions {
  /** Names the handshakes that it takes. */
  id: CallId;
  /** Whose softphones it is for. */
  name: string;
  message: Exclude<TextMessage, { t: 'text-ack' }>;
  /** Which of the softphones that were found are to get it. */
  choose(found: readonly RemoteEndpoint[]): readonly RemoteEndpoint[];
  /** It is over: so many softphones keep it; or one, at least, wanted none at the moment. */
  onEnd(kept: number, isBusy: boolean): void;
}

/**
 * One text message on its way: over the call with the receiver if there is one, else by a handshake with each softphone of
 * the receiver, as for a call, but nothing rings. Over when it is kept, wherever it came to, or came to nowhere.
 */
export class OutgoingText {
  readonly id: CallId;
  readonly name: string;
  readonly isCopy: boolean;
  state: 'waiting' | 'in-call' | 'looking-up' | 'inviting' | 'ended' = 'waiting';
  readonly #context: CallContext;
  readonly #options: OutgoingTextOptions;
  readonly #legs = new Map<string, InvitedLeg>();
  #endsAtMs = Number.POSITIVE_INFINITY;
  #kept = 0;
  #isBusy = false;

  constructor(context: CallContext, options: OutgoingTextOptions) {
    this.#context = context;
    this.#options = options;
    this.id = options.id;
    this.name = options.name;
    this.isCopy = options.message.t === 'text-copy';
  }

  get deadline(): number {
    let deadline = this.#endsAtMs;
    for (const { refindAtMs } of this.#legs.values()) deadline = Math.min(deadline, refindAtMs);
    return deadline;
  }

  /** @param leg of the call with the receiver; null when there is none */
  start(leg: SecureLeg | null, nowMs: number): void {
    if (leg === null) this.#lookUp(nowMs);
    else {
      this.state = 'in-call';
      this.#endsAtMs = nowMs + IN_CALL_PATIENCE_MS;
      leg.send(this.#options.message);
    }
  }

  #lookUp(nowMs: number): void {
    this.state = 'looking-up';
    this.#endsAtMs = nowMs + LOOKUP_TIMEOUT_MS;
    // Nobody waits until another softphone of his own comes.
    this.#context.emit({ type: 'lookup', callId: this.id, name: this.name, again: this.isCopy });
  }

  handleFound(endpoints: readonly RemoteEndpoint[], nowMs: number): void {
    if (this.state === 'inviting') this.#handleFoundAgain(endpoints, nowMs);
    if (this.state !== 'looking-up') return;
    this.state = 'inviting';
    this.#endsAtMs = nowMs + DELIVERY_TIMEOUT_MS;
    for (const endpoint of this.#options.choose(endpoints)) {
      const leg = InvitedLeg.make(this.#context, this.id, endpoint);
      if (leg === null) continue;
      this.#legs.set(keyOf(leg.origin), leg);
      leg.invite();
    }
    this.#endIfDone();
  }

  #handleFoundAgain(endpoints: readonly RemoteEndpoint[], nowMs: number): void {
    for (const [key, leg] of [...this.#legs]) {
      const found = endpoints.find(
        ({ device, endpoint }) => keyOf({ device: device.deviceId, endpoint }) === key,
      );
      if (found !== undefined) leg.handleFoundAgain(found.supernodes);
      else if (leg.misses > 0) this.handleUndeliverable(leg.origin, nowMs);
    }
  }

  handleSignal(from: SignalOrigin, body: SignalBody, nowMs: number): void {
    const leg = this.#legs.get(keyOf(from));
    if (leg === undefined || this.state !== 'inviting') return;
    if (body.type === SignalType.InviteReply) {
      const done = leg.handleReply(body.noise, from.supernode);
      if (done === null) return;
      leg.misses = 0;
      done.secure.send(this.#options.message);
    }
    if (body.type !== SignalType.Sealed || leg.secure === null) return;
    const message = leg.secure.open(body, from.supernode);
    if (message?.t === 'text-ack') this.handleAck(leg.secure, message.busy === true, nowMs);
  }

  /** The receiver has it, on this leg; or wants none at the moment. */
  handleAck(secure: SecureLeg, isBusy: boolean, nowMs: number): void {
    if (this.state === 'ended') return;
    if (isBusy) this.#isBusy = true;
    else this.#kept++;
    if (this.#kept > 0) this.#endsAtMs = Math.min(this.#endsAtMs, nowMs + OTHERS_TIMEOUT_MS);
    const isOfCall = !this.#legs.has(keyOf(secure.origin));
    if (isOfCall) this.#end();
    else this.#drop(keyOf(secure.origin));
  }

  /** No way led to this endpoint: it may have moved. */
  handleUndeliverable(to: { device: string; endpoint: string }, nowMs: number): void {
    const leg = this.#legs.get(keyOf(to));
    if (leg === undefined || leg.refindAtMs !== Number.POSITIVE_INFINITY) return;
    if (leg.misses >= REFIND_ATTEMPTS) {
      this.#drop(keyOf(to));
      return;
    }
    leg.refindAtMs = leg.misses === 0 ? nowMs : nowMs + REFIND_INTERVAL_MS;
    leg.misses++;
    this.#refind(nowMs);
  }

  #refind(nowMs: number): void {
    const due = [...this.#legs.values()].filter(({ refindAtMs }) => refindAtMs <= nowMs);
    for (const leg of due) leg.refindAtMs = Number.POSITIVE_INFINITY;
    if (due.length > 0) this.#context.emit({ type: 'lookup', callId: this.id, name: this.name, again: true });
  }

  handleAttached(isLossy: boolean): void {
    for (const leg of this.#legs.values()) leg.handleAttached(isLossy);
  }

  handleTimeout(nowMs: number): void {
    if (this.state === 'ended') return;
    this.#refind(nowMs);
    if (nowMs < this.#endsAtMs) return;
    if (this.state === 'in-call') this.#lookUp(nowMs);
    else this.#end();
  }

  #drop(key: string): void {
    const leg = this.#legs.get(key);
    this.#legs.delete(key);
    // It need not wait for more on this leg.
    leg?.secure?.send({ t: 'hangup' });
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#legs.size === 0) this.#end();
  }

  /** Nobody waits any more. */
  giveUp(): void {
    if (this.state !== 'ended') this.#end();
  }

  #end(): void {
    this.state = 'ended';
    for (const leg of this.#legs.values()) leg.secure?.send({ t: 'hangup' });
    this.#legs.clear();
    this.#options.onEnd(this.#kept, this.#isBusy);
  }
}

function keyOf({ device, endpoint }: { device: string; endpoint: string }): string {
  return `${device}/${endpoint}`;
}

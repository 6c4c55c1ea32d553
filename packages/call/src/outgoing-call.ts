import {
  type CallMessage,
  type SealedBody,
  type SignalBody,
  SignalType,
  STOP_TOKEN_BYTES,
  toBase64Url,
} from '@overcall/wire';
import {
  ANSWERED_ELSEWHERE,
  type CallContext,
  type CallId,
  type EndReason,
  HANDSHAKE_TIMEOUT_MS,
  type LegId,
  LOOKUP_TIMEOUT_MS,
  MAX_PING_MS,
  type PhoneEvent,
  PING_ANSWER_TIMEOUT_MS,
  type Purpose,
  REFIND_ATTEMPTS,
  REFIND_INTERVAL_MS,
  type RemoteEndpoint,
  RING_TIMEOUT_MS,
  type SignalOrigin,
} from './call-types.ts';
import { InvitedLeg } from './invited-leg.ts';
import type { SecureLeg } from './secure-leg.ts';

/** Somebody who has answered is looked up so far apart later on, ms: he may be on the way back to a supernode that both have lost. */
const REFIND_LATER_MS = 2000;
/** While it rings, so often in all: longer than a supernode takes to start, and a softphone to come back. While talking the media tells whether he is there. */
const REFIND_ATTEMPTS_WHILE_RINGING = 10;

/** The caller's side of a call, or of a ping: invites every endpoint of the callee, the first to accept wins. */
export class OutgoingCall {
  readonly direction = 'outgoing';
  readonly callId: CallId;
  readonly peerName: string;
  readonly purpose: Purpose;
  state: 'looking-up' | 'inviting' | 'ringing' | 'talking' | 'ended' = 'looking-up';
  #endsAtMs: number;
  readonly #context: CallContext;
  readonly #startedAt: number;
  readonly #legs = new Map<string, InvitedLeg>();
  #talking: SecureLeg | null = null;
  #answeredAt: number | null = null;
  #sawBusy = false;
  #sawReply = false;
  /** By which the callee's softphones know each other; see `SignalType.Stop`. */
  readonly #stop: string;

  constructor(context: CallContext, callId: CallId, name: string, nowMs: number, purpose: Purpose = 'call') {
    this.#context = context;
    this.callId = callId;
    this.peerName = name;
    this.purpose = purpose;
    this.#startedAt = nowMs;
    this.#stop = toBase64Url(context.crypto.randomBytes(STOP_TOKEN_BYTES));
    this.#endsAtMs = nowMs + LOOKUP_TIMEOUT_MS;
    this.#report({ event: 'calling', callId, to: name });
    context.emit({ type: 'lookup', callId, name, again: false });
  }

  /** What people hear of a call; of a ping they hear its answer and its end. */
  #report(event: PhoneEvent): void {
    if (this.purpose === 'call') this.#context.emit({ type: 'event', event });
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  /** When something is due: see {@link handleTimeout}. */
  get deadline(): number {
    let deadline = this.#endsAtMs;
    for (const { refindAtMs } of this.#legs.values()) deadline = Math.min(deadline, refindAtMs);
    return deadline;
  }

  /** The checked endpoints of the callee, all of one identity; none means that nobody is there. */
  handleFound(endpoints: readonly RemoteEndpoint[], nowMs: number): void {
    if (this.state !== 'looking-up') {
      this.#handleFoundAgain(endpoints, nowMs);
      return;
    }
    this.state = 'inviting';
    this.#endsAtMs = nowMs + (this.purpose === 'ping' ? PING_ANSWER_TIMEOUT_MS : HANDSHAKE_TIMEOUT_MS);
    for (const endpoint of endpoints) {
      const leg = InvitedLeg.make(this.#context, this.callId, endpoint);
      if (leg === null) continue;
      this.#legs.set(legKey(leg.origin), leg);
      leg.invite();
    }
    if (this.#legs.size === 0) this.#end('unreachable', nowMs);
  }

  /** Those that could not be reached may have moved; who is nowhere has some time to come back. */
  #handleFoundAgain(endpoints: readonly RemoteEndpoint[], nowMs: number): void {
    for (const [key, leg] of [...this.#legs]) {
      const found = endpoints.find(
        ({ device, endpoint }) => legKey({ device: device.deviceId, endpoint }) === key,
      );
      if (found !== undefined) leg.handleFoundAgain(found.supernodes);
      else if (leg.misses > 0) this.handleUndeliverable(leg.origin, nowMs);
    }
  }

  handleSignal(from: SignalOrigin, body: SignalBody, nowMs: number): void {
    const leg = this.#legs.get(legKey(from));
    if (leg === undefined || this.state === 'ended') return;
    if (body.type === SignalType.InviteReply) this.#handleReply(leg, body.noise, from.supernode, nowMs);
    if (body.type !== SignalType.Sealed) return;
    if (leg.secure === null) leg.keepEarly(body);
    else this.#handleSealed(leg.secure, body, from.supernode, nowMs);
  }

  #handleReply(leg: InvitedLeg, noise: Uint8Array, supernode: string, nowMs: number): void {
    const done = leg.handleReply(noise, supernode);
    if (done === null) return;
    this.#sawReply = true;
    leg.misses = 0;
    done.secure.send(this.purpose === 'ping' ? { t: 'ping' } : { t: 'confirm', stop: this.#stop });
    done.secure.announce(this.purpose);
    for (const body of done.early) this.#handleSealed(done.secure, body, supernode, nowMs);
  }

  #handleSealed(secure: SecureLeg, body: SealedBody, supernode: string, nowMs: number): void {
    const message = this.#legs.has(legKey(secure.origin)) ? secure.open(body, supernode) : null;
    if (message === null) return;
    this.#legs.get(legKey(secure.origin))!.misses = 0;
    this.#handleMessage(secure, message, nowMs);
  }

  #handleMessage(secure: SecureLeg, message: CallMessage, nowMs: number): void {
    secure.handle(message, nowMs);
    if (message.t === 'ringing') this.#handleRinging(nowMs);
    if (message.t === 'accept') this.#handleAccept(secure, nowMs);
    if (message.t === 'decline' && this.#talking === null) this.#finish('declined', nowMs, secure);
    if (message.t === 'busy') this.#handleBusy(secure, nowMs);
    if (message.t === 'hangup') this.#handleRemoteHangup(secure, nowMs);
  }

  #handleRinging(nowMs: number): void {
    if (this.state !== 'inviting') return;
    this.state = 'ringing';
    this.#endsAtMs = nowMs + RING_TIMEOUT_MS;
    this.#report({ event: 'ringing', callId: this.callId, to: this.peerName });
  }

  #handleAccept(secure: SecureLeg, nowMs: number): void {
    if (this.#talking !== null) return;
    this.#talking = secure;
    this.state = 'talking';
    this.#endsAtMs = Number.POSITIVE_INFINITY;
    this.#answeredAt = nowMs;
    this.#cancelOthers(secure, ANSWERED_ELSEWHERE);
    const setupMs = nowMs - this.#startedAt;
    const { callId } = this;
    if (this.purpose === 'ping') {
      this.#endsAtMs = nowMs + MAX_PING_MS;
      const { legId } = secure.ready;
      this.#context.emit({ type: 'event', event: { event: 'ping-answered', callId, legId, setupMs } });
      return;
    }
    this.#report({ event: 'answered', callId, setupMs });
    secure.talk();
  }

  /** The callee talks, and every supernode that carried its accept has died: its sealed audio says as much. */
  handleOverdue(legId: LegId, nowMs: number): void {
    const secure = this.legOf(legId);
    if (secure !== undefined && this.purpose === 'call' && this.state !== 'ended')
      this.#handleAccept(secure, nowMs);
  }

  #handleBusy(secure: SecureLeg, nowMs: number): void {
    if (this.#talking !== null) return;
    this.#sawBusy = true;
    this.#dropLeg(legKey(secure.origin), nowMs);
  }

  #handleRemoteHangup(secure: SecureLeg, nowMs: number): void {
    if (this.#talking === secure) this.#finish('remote-hangup', nowMs, secure);
    else if (this.#talking === null) this.#dropLeg(legKey(secure.origin), nowMs);
  }

  /** No way led to this endpoint: it may have moved, so it is looked up again, some times. */
  handleUndeliverable(to: { device: string; endpoint: string }, nowMs: number): void {
    const leg = this.#legs.get(legKey(to));
    if (leg === undefined || leg.refindAtMs !== Number.POSITIVE_INFINITY) return;
    const isTalking = this.#talking !== null && leg.secure === this.#talking;
    const attempts = leg.secure === null ? REFIND_ATTEMPTS : REFIND_ATTEMPTS_WHILE_RINGING;
    if (leg.misses >= attempts && !isTalking) {
      this.#dropLeg(legKey(to), nowMs);
      return;
    }
    const pauseMs = isTalking || leg.misses >= REFIND_ATTEMPTS ? REFIND_LATER_MS : REFIND_INTERVAL_MS;
    leg.refindAtMs = leg.misses === 0 ? nowMs : nowMs + pauseMs;
    leg.misses++;
    this.#refind(nowMs);
  }

  #refind(nowMs: number): void {
    const due = [...this.#legs.values()].filter(({ refindAtMs }) => refindAtMs <= nowMs);
    for (const leg of due) leg.refindAtMs = Number.POSITIVE_INFINITY;
    const { callId, peerName: name } = this;
    if (due.length > 0) this.#context.emit({ type: 'lookup', callId, name, again: true });
  }

  #dropLeg(key: string, nowMs: number): void {
    const leg = this.#legs.get(key);
    if (leg === undefined) return;
    this.#legs.delete(key);
    leg.secure?.close(false);
    if (this.#legs.size === 0) this.#end(this.#sawBusy ? 'busy' : 'unreachable', nowMs);
  }

  /** The media of a leg has been silent for too long, or said bye: the end of the call, or of one that rings. */
  handleMediaEnded(legId: LegId, reason: 'failed' | 'remote-hangup', nowMs: number): void {
    if (this.#talking?.ready.legId === legId) {
      this.#finish(reason, nowMs, reason === 'failed' ? null : this.#talking);
    } else if (this.#talking === null) {
      const leg = [...this.#legs.values()].find(({ secure }) => secure?.ready.legId === legId);
      if (leg !== undefined) this.#dropLeg(legKey(leg.origin), nowMs);
    }
  }

  /** The one leg that was answered. */
  get secureLeg(): SecureLeg | null {
    return this.#talking;
  }

  /** The leg of that number, when it is this call's. */
  legOf(legId: LegId): SecureLeg | undefined {
    return [...this.#legs.values()].find(({ secure }) => secure?.ready.legId === legId)?.secure ?? undefined;
  }

  /** We are attached elsewhere; `isLossy` when what was on its way may be lost. */
  handleAttached(isLossy: boolean): void {
    for (const leg of this.#legs.values()) leg.handleAttached(isLossy);
  }

  /** Whether this endpoint has our invite, or will get it with the others once they are found. */
  hasInvited(endpoint: { device: string; endpoint: string }): boolean {
    return this.state === 'looking-up' || this.#legs.has(legKey(endpoint));
  }

  hangUp(nowMs: number): void {
    this.#finish('hangup', nowMs, null);
  }

  /** Gives way to the other party's own invite. */
  yieldTo(winner: CallId, nowMs: number): void {
    if (this.state === 'ended') return;
    this.#cancelOthers(null, 'glare');
    this.#context.emit({ type: 'event', event: { event: 'merged', callId: this.callId, winner } });
    this.state = 'ended';
    this.#endsAtMs = nowMs;
  }

  handleTimeout(nowMs: number): void {
    if (this.state === 'ended') return;
    this.#refind(nowMs);
    if (nowMs < this.#endsAtMs) return;
    if (this.state === 'talking') this.#finish('hangup', nowMs, null);
    else if (this.state === 'ringing') this.#finish('timeout', nowMs, null);
    else this.#finish(this.#sawBusy ? 'busy' : 'unreachable', nowMs, null);
  }

  /** Ends the call, telling every leg but `informed`, which told us. */
  #finish(reason: EndReason, nowMs: number, informed: SecureLeg | null): void {
    if (this.state === 'ended') return;
    if (this.#talking !== null) {
      if (informed !== this.#talking) this.#talking.send({ t: 'hangup' });
      this.#talking.close(this.purpose === 'call' && informed !== this.#talking);
      this.#legs.clear();
    } else {
      if (informed !== null) {
        informed.close(false);
        this.#legs.delete(legKey(informed.origin));
      }
      this.#cancelOthers(null, reason);
    }
    this.#end(reason, nowMs);
  }

  #cancelOthers(winner: SecureLeg | null, reason: string): void {
    for (const [key, leg] of this.#legs) {
      if (leg.secure !== null && leg.secure === winner) continue;
      leg.secure?.send({ t: 'cancel', reason });
      leg.secure?.close(false);
      this.#legs.delete(key);
    }
  }

  #end(reason: EndReason, nowMs: number): void {
    const { callId } = this;
    if (this.purpose === 'ping') {
      const isDeaf = this.#sawReply && this.#answeredAt === null && reason === 'unreachable';
      const pingReason = isDeaf ? 'unsupported' : reason;
      this.#context.emit({ type: 'event', event: { event: 'ping-ended', callId, reason: pingReason } });
    }
    this.state = 'ended';
    this.#endsAtMs = nowMs;
    const durationS = this.#answeredAt === null ? 0 : (nowMs - this.#answeredAt) / 1000;
    this.#report({ event: 'ended', callId, reason, durationS });
  }
}

function legKey(endpoint: { device: string; endpoint: string }): string {
  return `${endpoint.device}/${endpoint.endpoint}`;
}

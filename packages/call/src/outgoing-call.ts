import { callPrologue, InviteInitiator } from '@overcall/session';
import type { CandidateMessage } from '@overcall/traversal';
import { fromBase64Url, OvercallError, type SignalBody, SignalType, writeSignalBody } from '@overcall/wire';
import {
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
  type RemoteEndpoint,
  RING_TIMEOUT_MS,
  randomFlowId,
  type SignalOrigin,
} from './call-types.ts';
import { decodePayload, encodePayload, ReplyPayload } from './invite-payload.ts';
import { SecureLeg } from './secure-leg.ts';

/** One endpoint of the callee, while it is being invited. */
interface InvitedLeg {
  endpoint: RemoteEndpoint;
  origin: SignalOrigin;
  receiveFlow: number;
  initiator: InviteInitiator;
  secure: SecureLeg | null;
}

/** The caller's side of a call, or of a ping: invites every endpoint of the callee, the first to accept wins. */
export class OutgoingCall {
  readonly direction = 'outgoing';
  readonly callId: CallId;
  readonly peerName: string;
  readonly purpose: Purpose;
  state: 'looking-up' | 'inviting' | 'ringing' | 'talking' | 'ended' = 'looking-up';
  deadline: number;
  readonly #context: CallContext;
  readonly #startedAt: number;
  readonly #legs = new Map<string, InvitedLeg>();
  #talking: SecureLeg | null = null;
  #answeredAt: number | null = null;
  #sawBusy = false;
  #sawReply = false;

  constructor(context: CallContext, callId: CallId, name: string, nowMs: number, purpose: Purpose = 'call') {
    this.#context = context;
    this.callId = callId;
    this.peerName = name;
    this.purpose = purpose;
    this.#startedAt = nowMs;
    this.deadline = nowMs + LOOKUP_TIMEOUT_MS;
    this.#report({ event: 'calling', callId, to: name });
    context.emit({ type: 'lookup', callId, name });
  }

  /** What people hear of a call; of a ping they hear its answer and its end. */
  #report(event: PhoneEvent): void {
    if (this.purpose === 'call') this.#context.emit({ type: 'event', event });
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  /** The checked endpoints of the callee, all of one identity; none means that nobody is there. */
  handleFound(endpoints: readonly RemoteEndpoint[], nowMs: number): void {
    if (this.state !== 'looking-up') return;
    this.state = 'inviting';
    this.deadline = nowMs + (this.purpose === 'ping' ? PING_ANSWER_TIMEOUT_MS : HANDSHAKE_TIMEOUT_MS);
    for (const endpoint of endpoints) this.#invite(endpoint);
    if (this.#legs.size === 0) this.#end('unreachable', nowMs);
  }

  #invite(endpoint: RemoteEndpoint): void {
    const { local, crypto } = this.#context;
    const remoteStatic = fromBase64Url(endpoint.device.agreementKey);
    if (remoteStatic === null) return;
    const receiveFlow = randomFlowId(crypto);
    const initiator = this.#initiate(endpoint, remoteStatic, receiveFlow);
    if (initiator === null) return;
    const to = { device: endpoint.device.deviceId, endpoint: endpoint.endpoint };
    const origin = { supernode: endpoint.supernode, name: endpoint.device.name, ...to };
    this.#legs.set(legKey(to), { endpoint, origin, receiveFlow, initiator, secure: null });
    const body = writeSignalBody({
      type: SignalType.Invite,
      versions: [...local.versions],
      noise: initiator.message,
    });
    this.#context.emit({ type: 'signal', supernode: endpoint.supernode, to, callId: this.callId, body });
  }

  /** Null when the endpoint's key is no key, or no version is common: its own doing, so it is passed over. */
  #initiate(endpoint: RemoteEndpoint, remoteStatic: Uint8Array, flow: number): InviteInitiator | null {
    const { local, crypto } = this.#context;
    const prologue = callPrologue({
      callerVersions: [...local.versions],
      calleeVersions: [...endpoint.versions],
      directoryKeyId: local.directoryKeyId,
      caller: local.name,
      callee: endpoint.device.name,
    });
    const payload = encodePayload({ callId: this.callId, chain: local.chain, flow });
    try {
      return new InviteInitiator({ crypto, staticKey: local.staticKey, remoteStatic, prologue, payload });
    } catch (error) {
      if (error instanceof OvercallError) return null;
      throw error;
    }
  }

  handleSignal(from: SignalOrigin, body: SignalBody, nowMs: number): void {
    const leg = this.#legs.get(legKey(from));
    if (leg === undefined || this.state === 'ended') return;
    if (body.type === SignalType.InviteReply) this.#handleReply(leg, body.noise);
    if (body.type === SignalType.Sealed && leg.secure !== null) this.#handleSealed(leg.secure, body, nowMs);
  }

  #handleReply(leg: InvitedLeg, noise: Uint8Array): void {
    if (leg.secure !== null) return;
    const reply = leg.initiator.readReply(noise);
    const payload = reply && decodePayload(ReplyPayload, reply.payload);
    if (!reply || !payload) return;
    this.#sawReply = true;
    leg.secure = new SecureLeg(this.#context, leg.origin, {
      callId: this.callId,
      direction: this.direction,
      peer: leg.endpoint.device,
      receiveFlow: leg.receiveFlow,
      sendFlow: payload.flow,
      keys: reply.keys,
    });
    leg.secure.send({ t: this.purpose === 'ping' ? 'ping' : 'confirm' });
    leg.secure.announce(this.purpose);
  }

  #handleSealed(
    secure: SecureLeg,
    body: SignalBody & { type: typeof SignalType.Sealed },
    nowMs: number,
  ): void {
    const message = secure.open(body);
    if (message?.t === 'candidates') secure.passOn(message);
    if (message?.t === 'ringing') this.#handleRinging(nowMs);
    if (message?.t === 'accept') this.#handleAccept(secure, nowMs);
    if (message?.t === 'decline' && this.#talking === null) this.#finish('declined', nowMs, secure);
    if (message?.t === 'busy') this.#handleBusy(secure, nowMs);
    if (message?.t === 'hangup') this.#handleRemoteHangup(secure, nowMs);
  }

  #handleRinging(nowMs: number): void {
    if (this.state !== 'inviting') return;
    this.state = 'ringing';
    this.deadline = nowMs + RING_TIMEOUT_MS;
    this.#report({ event: 'ringing', callId: this.callId, to: this.peerName });
  }

  #handleAccept(secure: SecureLeg, nowMs: number): void {
    if (this.#talking !== null) return;
    this.#talking = secure;
    this.state = 'talking';
    this.deadline = Number.POSITIVE_INFINITY;
    this.#answeredAt = nowMs;
    this.#cancelOthers(secure, 'answered elsewhere');
    const setupMs = nowMs - this.#startedAt;
    const { callId } = this;
    if (this.purpose === 'ping') {
      this.deadline = nowMs + MAX_PING_MS;
      const { legId } = secure.ready;
      this.#context.emit({ type: 'event', event: { event: 'ping-answered', callId, legId, setupMs } });
      return;
    }
    this.#report({ event: 'answered', callId, setupMs });
    secure.talk();
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

  /** The supernode could not deliver to this endpoint. */
  handleUndeliverable(to: { device: string; endpoint: string }, nowMs: number): void {
    if (this.state === 'inviting' || this.state === 'ringing') this.#dropLeg(legKey(to), nowMs);
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

  /** Tells the peer of a leg about our addresses. */
  tell(legId: LegId, message: CandidateMessage): void {
    const leg = [...this.#legs.values()].find(({ secure }) => secure?.ready.legId === legId);
    leg?.secure?.send({ t: 'candidates', ...message });
  }

  /** Whether the media leg is this call's. */
  hasLeg(legId: LegId): boolean {
    return [...this.#legs.values()].some(({ secure }) => secure?.ready.legId === legId);
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
    this.deadline = nowMs;
  }

  handleTimeout(nowMs: number): void {
    if (nowMs < this.deadline || this.state === 'ended') return;
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
    this.deadline = nowMs;
    const durationS = this.#answeredAt === null ? 0 : (nowMs - this.#answeredAt) / 1000;
    this.#report({ event: 'ended', callId, reason, durationS });
  }
}

function legKey(endpoint: { device: string; endpoint: string }): string {
  return `${endpoint.device}/${endpoint.endpoint}`;
}

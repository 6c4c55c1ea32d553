import type { CertifiedDevice } from '@overcall/identity';
import type { ReceivedInvite } from '@overcall/session';
import type { CandidateMessage } from '@overcall/traversal';
import {
  equalBytes,
  fromBase64Url,
  type SealedBody,
  type SignalBody,
  SignalType,
  writeSignalBody,
} from '@overcall/wire';
import {
  CALLEE_RING_TIMEOUT_MS,
  type CallContext,
  type CallId,
  CONFIRM_TIMEOUT_MS,
  type EndReason,
  type LegId,
  MAX_PING_MS,
  type Purpose,
  randomFlowId,
  type SignalOrigin,
} from './call-types.ts';
import { encodePayload, type InvitePayload } from './invite-payload.ts';
import { SecureLeg } from './secure-leg.ts';

/**
 * The callee's side of a call. Nothing rings before the caller has confirmed under the final keys: a replayed
 * invite, or one forged with this device's leaked key, stops at `awaiting-confirm` and is forgotten.
 */
export class IncomingCall {
  readonly direction = 'incoming';
  readonly callId: CallId;
  state: 'verifying' | 'awaiting-confirm' | 'ringing' | 'talking' | 'pinged' | 'ended' = 'verifying';
  deadline: number;
  readonly origin: SignalOrigin;
  readonly #context: CallContext;
  readonly #invite: ReceivedInvite;
  readonly #payload: InvitePayload;
  #peer: CertifiedDevice | null = null;
  #secure: SecureLeg | null = null;
  #startedAt: number;
  #answeredAt: number | null = null;

  constructor(
    context: CallContext,
    origin: SignalOrigin,
    invite: ReceivedInvite,
    payload: InvitePayload,
    nowMs: number,
  ) {
    this.#context = context;
    this.origin = origin;
    this.#invite = invite;
    this.#payload = payload;
    this.callId = payload.callId;
    this.#startedAt = nowMs;
    this.deadline = nowMs + CONFIRM_TIMEOUT_MS;
  }

  get peerName(): string {
    return this.#peer?.name ?? this.origin.name;
  }

  get peerIdentityKey(): string | null {
    return this.#peer?.identityKey.x ?? null;
  }

  /** The caller's chain was checked: `peer` is what it certifies, null when it is not valid or not welcome. */
  handleVerified(peer: CertifiedDevice | null): void {
    if (this.state !== 'verifying') return;
    if (peer === null || !this.#isAuthor(peer)) {
      this.state = 'ended';
      return;
    }
    this.#peer = peer;
    const receiveFlow = randomFlowId(this.#context.crypto);
    const { noise, keys } = this.#invite.reply(encodePayload({ flow: receiveFlow }));
    this.#secure = new SecureLeg(this.#context, this.origin, {
      callId: this.callId,
      direction: this.direction,
      peer,
      receiveFlow,
      sendFlow: this.#payload.flow,
      keys,
    });
    this.state = 'awaiting-confirm';
    this.#context.emit({
      type: 'signal',
      supernode: this.origin.supernode,
      to: { device: this.origin.device, endpoint: this.origin.endpoint },
      callId: this.callId,
      body: writeSignalBody({ type: SignalType.InviteReply, noise }),
    });
  }

  /** The certified device is the one that the handshake and the supernode name. */
  #isAuthor(peer: CertifiedDevice): boolean {
    const certified = fromBase64Url(peer.agreementKey);
    if (certified === null || !equalBytes(certified, this.#invite.remoteStatic)) return false;
    return peer.name === this.origin.name && peer.deviceId === this.origin.device;
  }

  /** What the caller has confirmed to want, when this message says so: the phone then decides what becomes of it. */
  handleSignal(body: SignalBody, nowMs: number): Purpose | null {
    if (body.type !== SignalType.Sealed || this.#secure === null || this.state === 'ended') return null;
    return this.#handleSealed(this.#secure, body, nowMs);
  }

  #handleSealed(secure: SecureLeg, body: SealedBody, nowMs: number): Purpose | null {
    const message = secure.open(body);
    if (message === null) return null;
    if (this.state === 'awaiting-confirm') {
      if (message.t === 'confirm') return 'call';
      if (message.t === 'ping') return 'ping';
    }
    if (message.t === 'candidates' && ['ringing', 'talking', 'pinged'].includes(this.state))
      secure.passOn(message);
    if ((message.t === 'cancel' || message.t === 'hangup') && this.state === 'pinged') this.#endPing();
    // The caller may have given up, or taken another device, while our accept was on its way.
    if (message.t === 'cancel' && (this.state === 'ringing' || this.state === 'talking')) {
      this.#finish('remote-hangup', nowMs, true);
    }
    if (message.t === 'cancel' && this.state === 'awaiting-confirm') this.state = 'ended';
    if (message.t === 'hangup' && this.state === 'talking') this.#finish('remote-hangup', nowMs, true);
    return null;
  }

  /** Confirmed and free: rings. */
  ring(nowMs: number): void {
    if (this.state !== 'awaiting-confirm') return;
    this.state = 'ringing';
    this.deadline = nowMs + CALLEE_RING_TIMEOUT_MS;
    this.#secure!.send({ t: 'ringing' });
    this.#secure!.announce('call');
    this.#context.emit({
      type: 'event',
      event: { event: 'incoming', callId: this.callId, from: this.peerName },
    });
  }

  /** Confirmed as a ping: its paths are kept up until the caller has seen enough. Nobody here is told. */
  answerPing(nowMs: number): void {
    if (this.state !== 'awaiting-confirm') return;
    this.state = 'pinged';
    this.deadline = nowMs + MAX_PING_MS;
    this.#secure!.send({ t: 'accept' });
    this.#secure!.announce('ping');
  }

  /** One ping too many. */
  refusePing(): void {
    if (this.state !== 'awaiting-confirm') return;
    this.#secure!.send({ t: 'busy' });
    this.state = 'ended';
  }

  #endPing(): void {
    this.#secure!.close(false);
    this.state = 'ended';
  }

  /** Confirmed, but in another call. */
  refuseBusy(): void {
    if (this.state !== 'awaiting-confirm') return;
    this.#secure!.send({ t: 'busy' });
    this.state = 'ended';
    this.#context.emit({
      type: 'event',
      event: { event: 'missed', callId: this.callId, from: this.peerName, reason: 'busy' },
    });
  }

  /** The other party's answer to our own crossing invite: taken without ringing. `startedAt` is when we called. */
  acceptSilently(startedAt: number, nowMs: number): void {
    if (this.state === 'awaiting-confirm') {
      this.#secure!.announce('call');
      this.state = 'ringing';
    }
    this.#startedAt = startedAt;
    this.accept(nowMs);
  }

  accept(nowMs: number): void {
    if (this.state !== 'ringing') return;
    this.state = 'talking';
    this.deadline = Number.POSITIVE_INFINITY;
    this.#answeredAt = nowMs;
    this.#secure!.send({ t: 'accept' });
    const setupMs = nowMs - this.#startedAt;
    this.#context.emit({ type: 'event', event: { event: 'answered', callId: this.callId, setupMs } });
    this.#secure!.talk();
  }

  decline(nowMs: number): void {
    if (this.state !== 'ringing') return;
    this.#secure!.send({ t: 'decline' });
    this.#finish('declined', nowMs, true);
  }

  hangUp(nowMs: number): void {
    if (this.state === 'pinged') {
      this.#secure!.send({ t: 'hangup' });
      this.#endPing();
    } else if (this.state === 'ringing') this.decline(nowMs);
    else if (this.state === 'talking') this.#finish('hangup', nowMs, false);
    else this.state = 'ended';
  }

  /** Drops an invite that lost against our own, without a word: the caller takes our invite instead. */
  forget(): void {
    if (this.state === 'ringing') this.#secure!.close(false);
    this.state = 'ended';
  }

  /** The caller has not been heard for too long, or said bye on the media path. */
  handleMediaEnded(reason: 'failed' | 'remote-hangup', nowMs: number): void {
    if (this.state === 'talking') this.#finish(reason, nowMs, reason === 'remote-hangup');
    else if (this.state === 'ringing') this.#finish('failed', nowMs, true);
    else if (this.state === 'pinged') this.#endPing();
  }

  /** Tells the caller about our addresses. */
  tell(message: CandidateMessage): void {
    this.#secure?.send({ t: 'candidates', ...message });
  }

  /** Whether the media leg is this call's. */
  hasLeg(legId: LegId): boolean {
    return this.#secure?.ready.legId === legId;
  }

  handleTimeout(nowMs: number): void {
    if (nowMs < this.deadline || this.state === 'ended') return;
    if (this.state === 'pinged') this.hangUp(nowMs);
    else if (this.state === 'ringing') this.#finish('timeout', nowMs, true);
    else this.state = 'ended';
  }

  #finish(reason: EndReason, nowMs: number, informed: boolean): void {
    if (!informed) this.#secure!.send({ t: 'hangup' });
    this.#secure!.close(!informed);
    this.state = 'ended';
    this.deadline = nowMs;
    const durationS = this.#answeredAt === null ? 0 : (nowMs - this.#answeredAt) / 1000;
    this.#context.emit({ type: 'event', event: { event: 'ended', callId: this.callId, reason, durationS } });
  }
}

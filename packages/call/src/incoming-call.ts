import type { CertifiedDevice } from '@overcall/identity';
import type { ReceivedInvite } from '@overcall/session';
import {
  type CallMessage,
  type CertificateChain,
  equalBytes,
  fromBase64Url,
  type SignalBody,
  SignalType,
  writeSignalBody,
} from '@overcall/wire';
import {
  ANSWERED_ELSEWHERE,
  CALLEE_RING_TIMEOUT_MS,
  type CallContext,
  type CallId,
  CONFIRM_TIMEOUT_MS,
  type EndReason,
  type LegId,
  MAX_PING_MS,
  type MissedReason,
  type Purpose,
  type RemoteEndpoint,
  randomFlowId,
  type SignalOrigin,
  TEXT_LINGER_MS,
  type TextMessage,
} from './call-types.ts';
import { encodePayload, type InvitePayload } from './invite-payload.ts';
import { PeerWays } from './peer-ways.ts';
import { SecureLeg } from './secure-leg.ts';
import { Siblings } from './siblings.ts';

/** Messages that overtook the caller's confirm, by another way. */
const MAX_EARLY = 8;
/** An invite that comes again after so long, ms, or by a way that was not known, is answered again. */
const REPLY_AGAIN_MS = 300;
const MAX_REPLIES = 8;
/** A caller who cannot be signalled is looked up again so far apart, ms. */
const REFIND_INTERVAL_MS = 2000;
/** What nobody took is said again after this time, ms, twice as long each time, and so often. */
const REPEAT_FIRST_MS = 250;
const MAX_REPEATS = 6;

/**
 * The callee's side of a call. Nothing rings before the caller has confirmed under the final keys: a replayed
 * invite, or one forged with this device's leaked key, stops at `awaiting-confirm` and is forgotten.
 */
export class IncomingCall {
  readonly direction = 'incoming';
  readonly callId: CallId;
  state: 'verifying' | 'awaiting-confirm' | 'ringing' | 'talking' | 'pinged' | 'texted' | 'ended' =
    'verifying';
  readonly origin: SignalOrigin;
  readonly #context: CallContext;
  readonly #invite: ReceivedInvite;
  readonly #payload: InvitePayload;
  #peer: CertifiedDevice | null = null;
  #secure: SecureLeg | null = null;
  #startedAt: number;
  #answeredAt: number | null = null;
  readonly #ways: PeerWays;
  #reply: Uint8Array | null = null;
  #replies = 0;
  #repliedAtMs = 0;
  #early: CallMessage[] = [];
  readonly #siblings: Siblings;
  #soughtAtMs = Number.NEGATIVE_INFINITY;
  #endsAtMs: number;
  /** When everything is said again that nobody took, and how often it was. */
  #repeatsAtMs = Number.POSITIVE_INFINITY;
  #repeats = 0;

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
    this.#ways = new PeerWays(payload.supernodes ?? [], origin.supernode);
    this.callId = payload.callId;
    this.#siblings = new Siblings(context, payload.callId);
    this.#startedAt = nowMs;
    this.#endsAtMs = nowMs + CONFIRM_TIMEOUT_MS;
  }

  get deadline(): number {
    return Math.min(this.#endsAtMs, this.#repeatsAtMs);
  }

  /** What the invite says of who sends it. */
  get chain(): CertificateChain {
    return this.#payload.chain;
  }

  get peerName(): string {
    return this.#peer?.name ?? this.origin.name;
  }

  get peerIdentityKey(): string | null {
    return this.#peer?.identityKey.x ?? null;
  }

  /** The caller's chain was checked: `peer` is what it certifies, null when it is not valid or not welcome. */
  handleVerified(peer: CertifiedDevice | null, nowMs: number): void {
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
      keys,
      ways: this.#ways,
      receiveFlow,
      sendFlow: this.#payload.flow,
      hops: this.#firstWay(),
    });
    this.state = 'awaiting-confirm';
    this.#reply = writeSignalBody({ type: SignalType.InviteReply, noise });
    this.#sendReply(nowMs);
  }

  /** The way that the invite names, if it ends where we are: to go elsewhere for it is not to be asked of us before we know who calls. */
  #firstWay(): readonly string[] | null {
    const hops = this.#payload.hops ?? [this.origin.supernode];
    return this.#context.attached.includes(hops.at(-1)!) ? hops : null;
  }

  #sendReply(nowMs: number): void {
    if (this.#reply === null || this.#replies >= MAX_REPLIES) return;
    this.#replies++;
    this.#repliedAtMs = nowMs;
    this.#context.emit({
      type: 'signal',
      supernodes: this.#ways.all,
      to: { device: this.origin.device, endpoint: this.origin.endpoint },
      callId: this.callId,
      body: this.#reply,
    });
  }

  /** The invite has come again: as the copy that went by another way, or because our reply was lost. */
  handleInviteAgain({ supernode }: SignalOrigin, nowMs: number): void {
    if (this.state !== 'awaiting-confirm') return;
    const isNewWay = !this.#ways.all.includes(supernode);
    // Nothing says that the caller is really there, so what is known of where he is stays known.
    if (isNewWay) this.#ways.hear(supernode);
    if (isNewWay || nowMs >= this.#repliedAtMs + REPLY_AGAIN_MS) this.#sendReply(nowMs);
  }

  /** The certified device is the one that the handshake and the supernode name. */
  #isAuthor(peer: CertifiedDevice): boolean {
    const certified = fromBase64Url(peer.agreementKey);
    if (certified === null || !equalBytes(certified, this.#invite.remoteStatic)) return false;
    return peer.name === this.origin.name && peer.deviceId === this.origin.device;
  }

  /** What the caller has confirmed to want, when this message says so: the phone then decides what becomes of it. */
  handleSignal({ supernode }: SignalOrigin, body: SignalBody, nowMs: number): Purpose | null {
    if (body.type !== SignalType.Sealed || this.#secure === null || this.state === 'ended') return null;
    const message = this.#secure.open(body, supernode);
    if (message === null) return null;
    this.#repeats = 0;
    if (this.state === 'awaiting-confirm') {
      if (message.t === 'confirm') {
        this.#siblings.learn(message.stop);
        return 'call';
      }
      if (message.t === 'ping') return 'ping';
      if (message.t === 'cancel' || message.t === 'hangup') this.state = 'ended';
      else if (message.t === 'text' || message.t === 'text-copy')
        this.#handleText(this.#secure, message, nowMs);
      else if (this.#early.length < MAX_EARLY) this.#early.push(message);
      return null;
    }
    if (this.state !== 'texted') this.#handleMessage(this.#secure, message, nowMs);
    else if (message.t === 'hangup') this.state = 'ended';
    return null;
  }

  /** All that was wanted: nothing rings. */
  #handleText(secure: SecureLeg, message: TextMessage, nowMs: number): void {
    this.state = 'texted';
    this.#endsAtMs = nowMs + TEXT_LINGER_MS;
    this.#context.onText(secure, message, nowMs);
  }

  #handleMessage(secure: SecureLeg, message: CallMessage, nowMs: number): void {
    secure.handle(message, nowMs);
    if ((message.t === 'cancel' || message.t === 'hangup') && this.state === 'pinged') this.#endPing();
    // The caller may have given up, or taken another device, while our accept was on its way.
    if (message.t === 'cancel' && (this.state === 'ringing' || this.state === 'talking')) {
      this.#finish('remote-hangup', nowMs, true, message.reason === ANSWERED_ELSEWHERE);
    }
    if (message.t === 'hangup' && this.state === 'talking') this.#finish('remote-hangup', nowMs, true);
  }

  /** What came before the confirm. */
  #handleEarly(nowMs: number): void {
    for (const message of this.#early.splice(0)) this.#handleMessage(this.#secure!, message, nowMs);
  }

  /** Confirmed and free: rings. */
  ring(nowMs: number): void {
    if (this.state !== 'awaiting-confirm') return;
    // Another softphone of ours was quicker than this confirm.
    if (this.#siblings.wereStopped) {
      this.state = 'ended';
      return;
    }
    this.state = 'ringing';
    this.#endsAtMs = nowMs + CALLEE_RING_TIMEOUT_MS;
    this.#siblings.seek();
    this.#secure!.send({ t: 'ringing' });
    this.#secure!.announce('call');
    this.#context.emit({
      type: 'event',
      event: { event: 'incoming', callId: this.callId, from: this.peerName },
    });
    this.#handleEarly(nowMs);
  }

  /** Confirmed as a ping: its paths are kept up until the caller has seen enough. Nobody here is told. */
  answerPing(nowMs: number): void {
    if (this.state !== 'awaiting-confirm') return;
    this.state = 'pinged';
    this.#endsAtMs = nowMs + MAX_PING_MS;
    this.#secure!.send({ t: 'accept' });
    this.#secure!.announce('ping');
    this.#handleEarly(nowMs);
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

  /** Confirmed, but not to ring. */
  refuse(reason: MissedReason): void {
    if (this.state !== 'awaiting-confirm') return;
    this.#secure!.send({ t: 'busy' });
    this.state = 'ended';
    this.#context.emit({
      type: 'event',
      event: { event: 'missed', callId: this.callId, from: this.peerName, reason },
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
    this.#handleEarly(nowMs);
  }

  accept(nowMs: number): void {
    if (this.state !== 'ringing') return;
    this.state = 'talking';
    this.#endsAtMs = Number.POSITIVE_INFINITY;
    this.#answeredAt = nowMs;
    this.#secure!.send({ t: 'accept' });
    this.#siblings.stop();
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

  get secureLeg(): SecureLeg | null {
    return this.#secure;
  }

  /** The leg of that number, when it is this call's. */
  legOf(legId: LegId): SecureLeg | undefined {
    return this.#secure?.ready.legId === legId ? this.#secure : undefined;
  }

  /** We are attached elsewhere; `isLossy` when what was on its way may be lost. */
  handleAttached(isLossy: boolean, nowMs: number): void {
    this.#secure?.handleAttached(isLossy);
    if (isLossy && this.state === 'awaiting-confirm') this.#sendReply(nowMs);
  }

  /** No way led to the caller: perhaps he takes calls himself, and can be looked up. */
  handleUndeliverable(nowMs: number): void {
    if (this.#secure === null) return;
    // The caller may be on the way back to the supernode that both have lost.
    if (this.#repeats < MAX_REPEATS && this.#repeatsAtMs === Number.POSITIVE_INFINITY)
      this.#repeatsAtMs = nowMs + REPEAT_FIRST_MS * 2 ** this.#repeats++;
    if (nowMs < this.#soughtAtMs + REFIND_INTERVAL_MS) return;
    this.#soughtAtMs = nowMs;
    this.#context.emit({ type: 'lookup', callId: this.callId, name: this.peerName, again: true });
  }

  /** Another softphone of ours says that it was answered: heard before the caller's own word, which comes by a longer way. */
  handleStop(token: Uint8Array, nowMs: number): void {
    if (this.#siblings.handleStop(token) && this.state === 'ringing')
      this.#finish('remote-hangup', nowMs, true, true);
  }

  handleFoundAgain(endpoints: readonly RemoteEndpoint[], nowMs: number): void {
    if (this.#siblings.handleFound(endpoints)) return;
    const { device, endpoint } = this.origin;
    const found = endpoints.find((one) => one.device.deviceId === device && one.endpoint === endpoint);
    if (found === undefined || this.#secure === null) return;
    this.#ways.replace(found.supernodes);
    if (this.state === 'awaiting-confirm') this.#sendReply(nowMs);
    this.#secure.resend();
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#repeatsAtMs && this.state !== 'ended') {
      this.#repeatsAtMs = Number.POSITIVE_INFINITY;
      this.#secure?.resend();
    }
    if (nowMs < this.#endsAtMs || this.state === 'ended') return;
    if (this.state === 'pinged') this.hangUp(nowMs);
    else if (this.state === 'ringing') this.#finish('timeout', nowMs, true);
    else this.state = 'ended';
  }

  #finish(reason: EndReason, nowMs: number, informed: boolean, isElsewhere = false): void {
    if (!informed) this.#secure!.send({ t: 'hangup' });
    this.#secure!.close(!informed);
    this.state = 'ended';
    this.#endsAtMs = nowMs;
    const durationS = this.#answeredAt === null ? 0 : (nowMs - this.#answeredAt) / 1000;
    const event = { event: 'ended' as const, callId: this.callId, reason, durationS };
    this.#context.emit({ type: 'event', event: isElsewhere ? { ...event, elsewhere: true } : event });
  }
}

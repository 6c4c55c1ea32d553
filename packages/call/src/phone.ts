import type { CertifiedDevice, KeyId } from '@overcall/identity';
import type { SessionCrypto } from '@overcall/session';
import type { CandidateMessage } from '@overcall/traversal';
import { type FlowId, readSignalBody, SignalType } from '@overcall/wire';
import type {
  CallContext,
  CallId,
  Keeping,
  LegId,
  LocalParty,
  MissedReason,
  Near,
  PhoneOutput,
  RemoteEndpoint,
  SignalOrigin,
} from './call-types.ts';
import { compareKeys } from './compare-keys.ts';
import type { InCall, InCallMessage } from './in-call.ts';
import type { IncomingCall } from './incoming-call.ts';
import { IncomingCalls, type InviteCounters } from './incoming-calls.ts';
import { OutgoingCall } from './outgoing-call.ts';
import { PingLimit } from './ping-limit.ts';
import type { SecureLeg } from './secure-leg.ts';
import { Texts } from './texts.ts';

/** Signals that changed nothing, by reason. */
export interface PhoneCounters extends InviteCounters {
  unreadableSignals: number;
  unknownCalls: number;
}

/**
 * All calls of one softphone. One conversation at a time: an invite during another call is answered with busy,
 * unless it comes from the very person being called (glare; then the lower identity key's invite wins). Pings are no
 * conversations: they are answered at any time, within limits.
 */
export class Phone {
  readonly counters: PhoneCounters = {
    unreadableSignals: 0,
    unknownCalls: 0,
    invalidInvites: 0,
    excessInvites: 0,
    crowdedTexts: 0,
  };
  /** Why somebody, by name and identity key, is not to make this softphone ring; null when he is. */
  turnsAway: (name: string, identityKey: string) => MissedReason | null = () => null;
  readonly #context: CallContext;
  readonly #outputs: PhoneOutput[] = [];
  readonly #outgoing = new Map<CallId, OutgoingCall>();
  readonly #incoming: IncomingCalls;
  readonly #pingLimit = new PingLimit();
  readonly #texts: Texts;
  #nextLegId = 1;

  /** @param isListed whether the signed list names a supernode */
  constructor(local: LocalParty, crypto: SessionCrypto, isListed: (supernode: KeyId) => boolean) {
    this.#context = {
      local,
      crypto,
      attached: [],
      isListed,
      emit: (output) => this.#outputs.push(output),
      newLegId: () => this.#nextLegId++,
      onText: (secure, message, nowMs) => this.#texts.handle(secure, message, nowMs),
    };
    this.#incoming = new IncomingCalls(this.#context, this.counters);
    this.#texts = new Texts({
      context: this.#context,
      legWith: (name) => this.#legWith(name),
    });
  }

  /** Drains what is to be done, in order. */
  poll(): PhoneOutput[] {
    return this.#outputs.splice(0);
  }

  /** Nobody rings, talks, is pinged or written to. */
  get isIdle(): boolean {
    return this.#texts.isIdle && this.#calls().next().done === true;
  }

  /** When to call {@link handleTimeout}; Infinity when nothing is due. */
  get deadline(): number {
    let { deadline } = this.#texts;
    for (const call of this.#calls()) deadline = Math.min(deadline, call.deadline);
    return deadline;
  }

  handleTimeout(nowMs: number): void {
    for (const call of this.#calls()) call.handleTimeout(nowMs);
    this.#texts.handleTimeout(nowMs);
    this.#forgetEnded();
  }

  /** Renewed certificates for the invites to come. */
  updateLocal(local: LocalParty): void {
    this.#context.local = local;
  }

  call(callId: CallId, name: string, nowMs: number): void {
    this.#outgoing.set(callId, new OutgoingCall(this.#context, callId, name, nowMs));
  }

  /** Whether it is us who call, ping or write. */
  isCaller(callId: CallId): boolean {
    return this.#outgoing.has(callId) || this.#texts.has(callId);
  }

  /** Sends something to read; `id` is new, as that of a call. False when too many wait to be sent. */
  sendText(id: CallId, name: string, text: string, nowMs: number): boolean {
    return this.#texts.send(id, name, text, nowMs);
  }

  /** Answer to a `keep` or `keep-written` output. */
  handleKept(keepId: number, keeping: Keeping): void {
    this.#texts.handleKept(keepId, keeping);
  }

  /** Other softphones of this user are being told what it wrote. */
  get isCopying(): boolean {
    return this.#texts.isCopying;
  }

  /** Whether this is the id of a text message of ours that is on its way. */
  isText(id: CallId): boolean {
    return this.#texts.has(id);
  }

  #legWith(name: string): SecureLeg | null {
    for (const call of this.#calls())
      if (call.state === 'talking' && call.peerName === name && !isPing(call)) return call.secureLeg;
    return null;
  }

  /** Measures the paths to somebody, without ringing. Ended with {@link hangUp}. */
  ping(callId: CallId, name: string, nowMs: number): void {
    this.#outgoing.set(callId, new OutgoingCall(this.#context, callId, name, nowMs, 'ping'));
  }

  /** Supernodes that this softphone is attached to from now on, best first. */
  setAttached(attached: readonly KeyId[], nowMs: number): void {
    const before = this.#context.attached;
    if (before.join() === attached.join()) return;
    this.#context.attached = [...attached];
    // With two ways from here nothing is lost with one of them, and nothing need be said again when a third is added.
    const isLossy = before.length < 2 || before.some((supernode) => !attached.includes(supernode));
    for (const call of this.#calls()) call.handleAttached(isLossy, nowMs);
    this.#texts.handleAttached(isLossy);
  }

  /** Answer to a `lookup` output. */
  handleFound(callId: CallId, endpoints: readonly RemoteEndpoint[], nowMs: number): void {
    const call = this.#outgoing.get(callId);
    if (call === undefined) {
      this.#texts.handleFound(callId, endpoints, nowMs);
      for (const incoming of this.#incoming)
        if (incoming.callId === callId) incoming.handleFoundAgain(endpoints, nowMs);
      return;
    }
    call.handleFound(endpoints, nowMs);
    const crossing = [...this.#incoming].find(
      (other) => other.state === 'ringing' && other.peerName === call.peerName,
    );
    if (crossing !== undefined && call.purpose === 'call') this.#resolveGlare(call, crossing, nowMs);
    this.#forgetEnded();
  }

  handleSignal(from: SignalOrigin, callId: CallId, bytes: Uint8Array, nowMs: number): void {
    const body = readSignalBody(bytes);
    if (body === null) {
      this.counters.unreadableSignals++;
      return;
    }
    if (body.type === SignalType.Stop) {
      for (const call of this.#incoming) if (call.callId === callId) call.handleStop(body.token, nowMs);
      this.#forgetEnded();
      return;
    }
    const incoming = this.#incoming.find(from, callId);
    if (body.type === SignalType.Invite) {
      if (incoming === undefined) this.#incoming.handleInvite(from, callId, body, nowMs);
      else incoming.handleInviteAgain(from, nowMs);
    } else if (incoming !== undefined) {
      const purpose = incoming.handleSignal(from, body, nowMs);
      if (purpose === 'call') this.#handleConfirmed(incoming, nowMs);
      if (purpose === 'ping') this.#handlePing(incoming, nowMs);
    } else if (this.#outgoing.has(callId)) {
      this.#outgoing.get(callId)!.handleSignal(from, body, nowMs);
    } else if (this.#texts.has(callId)) {
      this.#texts.handleSignal(from, callId, body, nowMs);
    } else {
      this.counters.unknownCalls++;
    }
    this.#forgetEnded();
  }

  /** No way led to this endpoint. */
  handleUndeliverable(to: { device: string; endpoint: string }, callId: CallId, nowMs: number): void {
    this.#outgoing.get(callId)?.handleUndeliverable(to, nowMs);
    this.#texts.handleUndeliverable(to, callId, nowMs);
    for (const call of this.#incoming)
      if (call.callId === callId && legKey(call.origin) === legKey(to)) call.handleUndeliverable(nowMs);
    this.#forgetEnded();
  }

  /** Answer to a `verify` output. */
  handleVerified(inviteId: number, peer: CertifiedDevice | null, nowMs: number): void {
    const call = this.#incoming.get(inviteId);
    call?.handleVerified(peer, nowMs);
    if (call?.state === 'ended') this.counters.invalidInvites++;
    this.#forgetEnded();
  }

  #handleConfirmed(incoming: IncomingCall, nowMs: number): void {
    // By name, which both certificates bind to one key: our own lookup may not have come back yet.
    const outgoing = [...this.#outgoing.values()].find(
      (call) => call.purpose === 'call' && call.state !== 'talking' && call.peerName === incoming.peerName,
    );
    if (outgoing !== undefined) {
      this.#resolveGlare(outgoing, incoming, nowMs);
      return;
    }
    const { peerName, peerIdentityKey } = incoming;
    const reason = this.#isBusy(incoming) ? 'busy' : this.turnsAway(peerName, peerIdentityKey!);
    if (reason === null) incoming.ring(nowMs);
    else incoming.refuse(reason);
  }

  #handlePing(incoming: IncomingCall, nowMs: number): void {
    const active = [...this.#incoming].filter(({ state }) => state === 'pinged');
    const users = active.map(({ peerIdentityKey }) => peerIdentityKey!);
    if (this.#pingLimit.admit(incoming.peerIdentityKey!, users, nowMs)) incoming.answerPing(nowMs);
    else incoming.refusePing();
  }

  /** Both call each other: both sides see both identity keys and so agree which invite is dropped. */
  #resolveGlare(outgoing: OutgoingCall, incoming: IncomingCall, nowMs: number): void {
    const ours = compareKeys(this.#context.local.identityKey, incoming.peerIdentityKey!) < 0;
    // An endpoint that our invite never reached cannot answer it: its own is then the one to take.
    if (ours && outgoing.hasInvited(incoming.origin)) {
      incoming.forget();
      return;
    }
    outgoing.yieldTo(incoming.callId, nowMs);
    incoming.acceptSilently(outgoing.startedAt, nowMs);
  }

  accept(callId: CallId, nowMs: number): void {
    this.#incoming.rung(callId)?.accept(nowMs);
  }

  decline(callId: CallId, nowMs: number): void {
    this.#incoming.rung(callId)?.decline(nowMs);
    this.#forgetEnded();
  }

  hangUp(callId: CallId, nowMs: number): void {
    (this.#outgoing.get(callId) ?? this.#incoming.rung(callId))?.hangUp(nowMs);
    this.#forgetEnded();
  }

  /** Says something in the middle of a call; nothing while it is none. */
  sayInCall(callId: CallId, say: (inCall: InCall) => InCallMessage | null): void {
    (this.#outgoing.get(callId) ?? this.#incoming.rung(callId))?.secureLeg?.sayInCall(say);
  }

  /** All but what other softphones of this user are being told: see {@link isCopying}. */
  hangUpAll(nowMs: number): void {
    for (const call of this.#calls()) call.hangUp(nowMs);
    this.#texts.giveUpAll(nowMs);
    this.#forgetEnded();
  }

  giveUpCopies(): void {
    this.#texts.giveUpCopies();
  }

  /** Tells the peer of a leg about our addresses. */
  tell(legId: LegId, message: CandidateMessage): void {
    this.#legOf(legId)?.send({ t: 'candidates', ...message });
  }

  /** On a leg that we called for: the ways that are wanted from now on, from our supernode to the callee's, best first. */
  offerRoutes(legId: LegId, ways: readonly (readonly KeyId[])[]): void {
    this.#legOf(legId)?.offerRoutes(ways);
  }

  /** This route cannot be used from here, or not any more. */
  refuseRoute(legId: LegId, receiveFlow: FlowId): void {
    this.#legOf(legId)?.refuseRoute(receiveFlow);
  }

  /** How well this softphone reaches supernodes, for the peer of a leg to know. */
  setNear(legId: LegId, near: Near): void {
    this.#legOf(legId)?.setNear(near);
  }

  #legOf(legId: LegId): SecureLeg | undefined {
    for (const call of this.#calls()) {
      const leg = call.legOf(legId);
      if (leg !== undefined) return leg;
    }
    return undefined;
  }

  handleMediaEnded(legId: LegId, reason: 'failed' | 'remote-hangup', nowMs: number): void {
    for (const call of this.#outgoing.values())
      if (call.legOf(legId)) call.handleMediaEnded(legId, reason, nowMs);
    for (const call of this.#incoming) if (call.legOf(legId)) call.handleMediaEnded(reason, nowMs);
    this.#forgetEnded();
  }

  /** Audio comes on a leg that was not accepted, for longer than an accept could be late. */
  handleOverdue(legId: LegId, nowMs: number): void {
    for (const call of this.#outgoing.values()) call.handleOverdue(legId, nowMs);
  }

  *#calls(): Generator<OutgoingCall | IncomingCall> {
    yield* this.#outgoing.values();
    yield* this.#incoming;
  }

  #isBusy(except: IncomingCall): boolean {
    if ([...this.#outgoing.values()].some(({ purpose }) => purpose === 'call')) return true;
    return [...this.#incoming].some(
      (call) => call !== except && (call.state === 'ringing' || call.state === 'talking'),
    );
  }

  #forgetEnded(): void {
    for (const [id, call] of this.#outgoing) if (call.state === 'ended') this.#outgoing.delete(id);
    this.#incoming.forgetEnded();
  }
}

function isPing(call: OutgoingCall | IncomingCall): boolean {
  return call.direction === 'outgoing' && call.purpose === 'ping';
}

function legKey({ device, endpoint }: { device: string; endpoint: string }): string {
  return `${device}/${endpoint}`;
}

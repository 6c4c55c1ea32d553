import type { CertifiedDevice } from '@overcall/identity';
import { callPrologue, readInvite, type SessionCrypto } from '@overcall/session';
import type { CandidateMessage } from '@overcall/traversal';
import { fromBase64Url, readSignalBody, SignalType } from '@overcall/wire';
import type {
  CallContext,
  CallId,
  LegId,
  LocalParty,
  PhoneOutput,
  RemoteEndpoint,
  SignalOrigin,
} from './call-types.ts';
import { IncomingCall } from './incoming-call.ts';
import { decodePayload, InvitePayload } from './invite-payload.ts';
import { OutgoingCall } from './outgoing-call.ts';
import { PingLimit } from './ping-limit.ts';

/** Invites that may wait for their check or confirm at once (they cost two signature checks), in all and by name. */
const MAX_PENDING_INVITES = 32;
const MAX_PENDING_INVITES_PER_NAME = 3;

/** Signals that changed nothing, by reason. */
export interface PhoneCounters {
  unreadableSignals: number;
  unknownCalls: number;
  invalidInvites: number;
  excessInvites: number;
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
  };
  readonly #context: CallContext;
  readonly #outputs: PhoneOutput[] = [];
  readonly #outgoing = new Map<CallId, OutgoingCall>();
  readonly #incoming = new Map<number, IncomingCall>();
  readonly #pingLimit = new PingLimit();
  #nextLegId = 1;
  #nextInviteId = 1;

  constructor(local: LocalParty, crypto: SessionCrypto) {
    this.#context = {
      local,
      crypto,
      emit: (output) => this.#outputs.push(output),
      newLegId: () => this.#nextLegId++,
    };
  }

  /** Drains what is to be done, in order. */
  poll(): PhoneOutput[] {
    return this.#outputs.splice(0);
  }

  /** When to call {@link handleTimeout}; Infinity when nothing is due. */
  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY;
    for (const call of this.#calls()) deadline = Math.min(deadline, call.deadline);
    return deadline;
  }

  handleTimeout(nowMs: number): void {
    for (const call of this.#calls()) call.handleTimeout(nowMs);
    this.#forgetEnded();
  }

  /** Renewed certificates for the invites to come. */
  updateLocal(local: LocalParty): void {
    this.#context.local = local;
  }

  call(callId: CallId, name: string, nowMs: number): void {
    this.#outgoing.set(callId, new OutgoingCall(this.#context, callId, name, nowMs));
  }

  /** Measures the paths to somebody, without ringing. Ended with {@link hangUp}. */
  ping(callId: CallId, name: string, nowMs: number): void {
    this.#outgoing.set(callId, new OutgoingCall(this.#context, callId, name, nowMs, 'ping'));
  }

  handleFound(callId: CallId, endpoints: readonly RemoteEndpoint[], nowMs: number): void {
    const call = this.#outgoing.get(callId);
    if (call === undefined) return;
    call.handleFound(endpoints, nowMs);
    const crossing = [...this.#incoming.values()].find(
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
    const incoming = this.#findIncoming(from, callId);
    if (body.type === SignalType.Invite) {
      if (incoming === undefined) this.#handleInvite(from, callId, body, nowMs);
    } else if (incoming !== undefined) {
      const purpose = incoming.handleSignal(body, nowMs);
      if (purpose === 'call') this.#handleConfirmed(incoming, nowMs);
      if (purpose === 'ping') this.#handlePing(incoming, nowMs);
    } else if (this.#outgoing.has(callId)) {
      this.#outgoing.get(callId)!.handleSignal(from, body, nowMs);
    } else {
      this.counters.unknownCalls++;
    }
    this.#forgetEnded();
  }

  /** The supernode says that nobody took a signal. */
  handleUndeliverable(to: { device: string; endpoint: string }, callId: CallId, nowMs: number): void {
    this.#outgoing.get(callId)?.handleUndeliverable(to, nowMs);
    this.#forgetEnded();
  }

  #handleInvite(
    from: SignalOrigin,
    callId: CallId,
    body: { versions: number[]; noise: Uint8Array },
    nowMs: number,
  ): void {
    if (!this.#makeRoom(from.name)) {
      this.counters.excessInvites++;
      return;
    }
    const { local, crypto } = this.#context;
    const invite = readInvite({
      crypto,
      staticKey: local.staticKey,
      prologue: callPrologue({
        callerVersions: body.versions,
        calleeVersions: [...local.versions],
        directoryKeyId: local.directoryKeyId,
        caller: from.name,
        callee: local.name,
      }),
      noise: body.noise,
    });
    const payload = invite && decodePayload(InvitePayload, invite.payload);
    if (!invite || !payload || payload.callId !== callId) {
      this.counters.invalidInvites++;
      return;
    }
    const inviteId = this.#nextInviteId++;
    this.#incoming.set(inviteId, new IncomingCall(this.#context, from, invite, payload, nowMs));
    this.#outputs.push({ type: 'verify', inviteId, chain: payload.chain });
  }

  /** Answer to a `verify` output. */
  handleVerified(inviteId: number, peer: CertifiedDevice | null): void {
    const call = this.#incoming.get(inviteId);
    call?.handleVerified(peer);
    if (call?.state === 'ended') this.counters.invalidInvites++;
    this.#forgetEnded();
  }

  #handleConfirmed(incoming: IncomingCall, nowMs: number): void {
    // By name, which both certificates bind to one key: our own lookup may not have come back yet.
    const outgoing = [...this.#outgoing.values()].find(
      (call) => call.purpose === 'call' && call.state !== 'talking' && call.peerName === incoming.peerName,
    );
    if (outgoing !== undefined) this.#resolveGlare(outgoing, incoming, nowMs);
    else if (this.#isBusy(incoming)) incoming.refuseBusy();
    else incoming.ring(nowMs);
  }

  #handlePing(incoming: IncomingCall, nowMs: number): void {
    const active = [...this.#incoming.values()].filter(({ state }) => state === 'pinged');
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
    this.#incomingById(callId)?.accept(nowMs);
  }

  decline(callId: CallId, nowMs: number): void {
    this.#incomingById(callId)?.decline(nowMs);
    this.#forgetEnded();
  }

  hangUp(callId: CallId, nowMs: number): void {
    (this.#outgoing.get(callId) ?? this.#incomingById(callId))?.hangUp(nowMs);
    this.#forgetEnded();
  }

  hangUpAll(nowMs: number): void {
    for (const call of this.#calls()) call.hangUp(nowMs);
    this.#forgetEnded();
  }

  /** Tells the peer of a leg about our addresses. */
  tell(legId: LegId, message: CandidateMessage): void {
    for (const call of this.#outgoing.values()) if (call.hasLeg(legId)) call.tell(legId, message);
    for (const call of this.#incoming.values()) if (call.hasLeg(legId)) call.tell(message);
  }

  handleMediaEnded(legId: LegId, reason: 'failed' | 'remote-hangup', nowMs: number): void {
    for (const call of this.#outgoing.values())
      if (call.hasLeg(legId)) call.handleMediaEnded(legId, reason, nowMs);
    for (const call of this.#incoming.values()) if (call.hasLeg(legId)) call.handleMediaEnded(reason, nowMs);
    this.#forgetEnded();
  }

  *#calls(): Generator<OutgoingCall | IncomingCall> {
    yield* this.#outgoing.values();
    yield* this.#incoming.values();
  }

  #findIncoming(from: SignalOrigin, callId: CallId): IncomingCall | undefined {
    return [...this.#incoming.values()].find(
      ({ callId: id, origin }) =>
        id === callId && origin.device === from.device && origin.endpoint === from.endpoint,
    );
  }

  #incomingById(callId: CallId): IncomingCall | undefined {
    return [...this.#incoming.values()].find(
      (call) => call.callId === callId && (call.state === 'ringing' || call.state === 'talking'),
    );
  }

  /**
   * Whether an invite of this name may wait too. Nobody fills the room of others: one name has three places, and
   * in a full house the oldest invite makes way.
   */
  #makeRoom(name: string): boolean {
    const pending = [...this.#incoming.entries()].filter(
      ([, { state }]) => state === 'verifying' || state === 'awaiting-confirm',
    );
    const ofName = pending.filter(([, { origin }]) => origin.name === name).length;
    if (ofName >= MAX_PENDING_INVITES_PER_NAME) return false;
    if (pending.length >= MAX_PENDING_INVITES) {
      this.counters.excessInvites++;
      this.#incoming.delete(pending[0]![0]);
    }
    return true;
  }

  #isBusy(except: IncomingCall): boolean {
    if ([...this.#outgoing.values()].some(({ purpose }) => purpose === 'call')) return true;
    return [...this.#incoming.values()].some(
      (call) => call !== except && (call.state === 'ringing' || call.state === 'talking'),
    );
  }

  #forgetEnded(): void {
    for (const [id, call] of this.#outgoing) if (call.state === 'ended') this.#outgoing.delete(id);
    for (const [id, call] of this.#incoming) if (call.state === 'ended') this.#incoming.delete(id);
  }
}

/** Byte order of two keys in base64url; negative when `a` is lower. */
function compareKeys(a: string, b: string): number {
  const left = fromBase64Url(a) ?? new Uint8Array();
  const right = fromBase64Url(b) ?? new Uint8Array();
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}

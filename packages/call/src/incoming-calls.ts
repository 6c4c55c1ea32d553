import { callPrologue, readInvite } from '@overcall/session';
import type { CallContext, CallId, SignalOrigin } from './call-types.ts';
import { IncomingCall } from './incoming-call.ts';
import { decodePayload, InvitePayload } from './invite-payload.ts';

/** Invites that may wait for their check or confirm at once (they cost two signature checks), in all and by name. */
const MAX_PENDING_INVITES = 32;
const MAX_PENDING_INVITES_PER_NAME = 3;
/** Handshakes of text messages that stay, in case the ack must be said again: of more the oldest goes. */
const MAX_TEXTED = 64;

/** Invites that led to nothing. */
export interface InviteCounters {
  invalidInvites: number;
  excessInvites: number;
  crowdedTexts: number;
}

export interface InviteBody {
  versions: number[];
  noise: Uint8Array;
}

/** The calls that others have placed here, from the invite on. */
export class IncomingCalls {
  readonly #context: CallContext;
  readonly #counters: InviteCounters;
  readonly #byInviteId = new Map<number, IncomingCall>();
  #nextInviteId = 1;

  constructor(context: CallContext, counters: InviteCounters) {
    this.#context = context;
    this.#counters = counters;
  }

  [Symbol.iterator](): Iterator<IncomingCall> {
    return this.#byInviteId.values();
  }

  get(inviteId: number): IncomingCall | undefined {
    return this.#byInviteId.get(inviteId);
  }

  /** That of this endpoint. */
  find(from: SignalOrigin, callId: CallId): IncomingCall | undefined {
    return [...this].find(
      ({ callId: id, origin }) =>
        id === callId && origin.device === from.device && origin.endpoint === from.endpoint,
    );
  }

  /** One that a person here knows of. */
  rung(callId: CallId): IncomingCall | undefined {
    return [...this].find(
      (call) => call.callId === callId && (call.state === 'ringing' || call.state === 'talking'),
    );
  }

  /** Asks for the check of whoever sends it, when it is one and there is room. */
  handleInvite(from: SignalOrigin, callId: CallId, body: InviteBody, nowMs: number): void {
    if (!this.#makeRoom(from.name)) {
      this.#counters.excessInvites++;
      return;
    }
    const call = this.#read(from, callId, body, nowMs);
    if (call === null) {
      this.#counters.invalidInvites++;
      return;
    }
    const inviteId = this.#nextInviteId++;
    this.#byInviteId.set(inviteId, call);
    this.#context.emit({ type: 'verify', inviteId, chain: call.chain });
  }

  #read(from: SignalOrigin, callId: CallId, body: InviteBody, nowMs: number): IncomingCall | null {
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
    if (!invite || !payload || payload.callId !== callId) return null;
    return new IncomingCall(this.#context, from, invite, payload, nowMs);
  }

  /**
   * Whether an invite of this name may wait too. Nobody fills the room of others: one name has three places, and
   * in a full house the oldest invite makes way.
   */
  #makeRoom(name: string): boolean {
    const pending = [...this.#byInviteId].filter(
      ([, { state }]) => state === 'verifying' || state === 'awaiting-confirm',
    );
    const ofName = pending.filter(([, { origin }]) => origin.name === name).length;
    if (ofName >= MAX_PENDING_INVITES_PER_NAME) return false;
    if (pending.length >= MAX_PENDING_INVITES) {
      this.#counters.excessInvites++;
      this.#byInviteId.delete(pending[0]![0]);
    }
    return true;
  }

  forgetEnded(): void {
    for (const [id, call] of this.#byInviteId) if (call.state === 'ended') this.#byInviteId.delete(id);
    const texted = [...this.#byInviteId].filter(([, { state }]) => state === 'texted');
    for (const [id] of texted.slice(0, Math.max(0, texted.length - MAX_TEXTED))) {
      this.#counters.crowdedTexts++;
      this.#byInviteId.delete(id);
    }
  }
}

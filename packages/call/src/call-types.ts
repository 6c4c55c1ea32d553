import type { CertifiedDevice, KeyId } from '@overcall/identity';
import type { CallKeys, SessionCrypto, StaticKeyPair } from '@overcall/session';
import type { CandidateMessage } from '@overcall/traversal';
import type { CallMessage, CertificateChain, Endpoint, FlowId } from '@overcall/wire';
import type { InCallChange } from './in-call.ts';
import type { SecureLeg } from './secure-leg.ts';

/** 16 random bytes, base64url; chosen by the caller. */
export type CallId = string;
/** One secured connection to one endpoint of the other party; a call may have several until it is answered. */
export type LegId = number;

/** This softphone. */
export interface LocalParty {
  name: string;
  /** Raw Ed25519 identity key, base64url: decides which of two crossing invites wins. */
  identityKey: string;
  directoryKeyId: KeyId;
  chain: CertificateChain;
  staticKey: StaticKeyPair;
  /** Call protocol versions announced in presence. */
  versions: readonly number[];
}

/** An endpoint of the callee whose certificates and presence record have been checked. */
export interface RemoteEndpoint {
  /** Where it is attached, best first: as its presence record says. */
  supernodes: readonly KeyId[];
  device: CertifiedDevice;
  endpoint: string;
  versions: readonly number[];
}

export type EndReason =
  | 'hangup'
  | 'remote-hangup'
  | 'declined'
  | 'busy'
  | 'timeout'
  | 'unreachable'
  | 'failed';

/** A ping measures the paths to an endpoint: nothing rings, and no audio flows. */
export type Purpose = 'call' | 'ping';

/** In another call; or somebody who is not to make this softphone ring, now or ever. */
export type MissedReason = 'busy' | 'do-not-disturb' | 'not-a-contact';

/** `unsupported`: somebody is there, whose softphone does not know pings. */
type PingEndReason = EndReason | 'unsupported';

/**
 * `unreachable`: nobody attached has it, for one of several reasons that are not told apart: blocked, say. `busy`: the
 * receiver got too many of late.
 */
export type TextFailure = 'unreachable' | 'busy';

/** A text message of somebody whose certificate was checked; one line that steers no terminal. */
export interface ReceivedText {
  id: string;
  from: string;
  identityKey: string;
  text: string;
}

/**
 * `new` and `known` (it was there before) say that it will not be lost, whatever happens now; what is `refused` is dropped
 * as if nobody were there.
 */
export type Keeping = 'new' | 'known' | 'refused';

/** What this user wrote on another softphone. */
export interface WrittenText {
  id: string;
  to: string;
  text: string;
  /** Whether it came to whom it was written to. */
  delivered: boolean;
}

/** Where a signal came from: name and supernode are a supernode's word until something under the keys confirms them. */
export interface SignalOrigin {
  /** Where the sender is attached. */
  supernode: KeyId;
  name: string;
  device: KeyId;
  endpoint: string;
}

export type PhoneEvent =
  | { event: 'calling' | 'ringing'; callId: CallId; to: string }
  | { event: 'incoming'; callId: CallId; from: string }
  | { event: 'answered'; callId: CallId; setupMs: number }
  /** Both sides called each other: `callId` gave way to `winner`, which is accepted by itself. */
  | { event: 'merged'; callId: CallId; winner: CallId }
  /** A call that did not ring; whoever called was told that this softphone is busy. */
  | { event: 'missed'; callId: CallId; from: string; reason: MissedReason }
  | ({ callId: CallId } & InCallChange)
  /** Something to read that was not there before; `callId` when it came in a call. */
  | { event: 'message'; id: string; from: string; text: string; callId?: CallId }
  /** This user wrote it, on another softphone. */
  | ({ event: 'message-written' } & WrittenText)
  /** So many softphones of the receiver keep it. */
  | { event: 'message-delivered'; id: string; to: string; devices: number }
  | { event: 'message-failed'; id: string; to: string; reason: TextFailure }
  /** So many other softphones of this user keep it too. */
  | { event: 'message-copied'; id: string; to: string; devices: number }
  /** `elsewhere`: another softphone of ours was answered. */
  | { event: 'ended'; callId: CallId; reason: EndReason; durationS: number; elsewhere?: true }
  /** The paths of this leg may be looked at. */
  | { event: 'ping-answered'; callId: CallId; legId: LegId; setupMs: number }
  | { event: 'ping-ended'; callId: CallId; reason: PingEndReason };

export type Direction = 'outgoing' | 'incoming';

/** A way over supernodes that both sides agreed on, as this side sees it. */
export interface Route {
  /** Chosen here; the peer sends with it. Names the route in a leg. */
  receiveFlow: FlowId;
  /** Chosen by the peer. */
  sendFlow: FlowId;
  /** From this side's supernode to the peer's. */
  hops: readonly KeyId[];
}

/** What softphones tell each other about ways over supernodes. */
export type RoutesMessage = Omit<Extract<CallMessage, { t: 'routes' }>, 't'>;
/** How well supernodes are reached: key id, round trip in ms, loss in percent. */
export type Near = RoutesMessage['near'];

/** Everything a driver needs to carry the media of a leg, but for its routes, which follow. */
export interface ReadyLeg {
  legId: LegId;
  callId: CallId;
  direction: Direction;
  purpose: Purpose;
  peer: CertifiedDevice;
  /** Where the peer is attached, as far as known, best first. */
  supernodes: readonly KeyId[];
  keys: CallKeys;
}

export type PhoneOutput =
  /** `again`: somebody is not where he was found; one answer at once will do. Never this softphone itself. */
  | { type: 'lookup'; callId: CallId; name: string; again: boolean }
  /** Keep this text message for good; answer with `handleKept`. */
  | { type: 'keep'; keepId: number; text: ReceivedText }
  | { type: 'keep-written'; keepId: number; text: WrittenText }
  /** Check this chain; answer with `handleVerified`. */
  | { type: 'verify'; inviteId: number; chain: CertificateChain }
  /** `supernodes`: where the receiver is thought to be attached, best first. Over two ways at once, where there are. */
  | { type: 'signal'; supernodes: readonly KeyId[]; to: Endpoint; callId: CallId; body: Uint8Array }
  /** Keys are agreed and confirmed: make its media session. The caller's side is to offer routes. */
  | ({ type: 'leg-ready' } & ReadyLeg)
  /** Open this route from this side and keep it warm; the peer opens it from the other. */
  | { type: 'route'; legId: LegId; route: Route }
  /** One side has given this route up. */
  | { type: 'route-closed'; legId: LegId; receiveFlow: FlowId }
  /** What the peer says of where it is: other routes may be better. */
  | { type: 'peer-moved'; legId: LegId; attached: readonly KeyId[]; near: Near }
  /** The call is accepted: from now on, and never before, audio is sent and played on this leg. */
  | { type: 'talk'; callId: CallId; legId: LegId }
  /** What the peer says about its addresses. */
  | { type: 'told'; legId: LegId; message: CandidateMessage }
  /** Over; `bye` asks for the hang-up to be repeated on the media path. */
  | { type: 'leg-closed'; legId: LegId; bye: boolean }
  | { type: 'event'; event: PhoneEvent };

export type TextMessage = Extract<CallMessage, { t: 'text' | 'text-copy' | 'text-ack' }>;

/** What calls share with the phone that owns them. */
export interface CallContext {
  local: LocalParty;
  /** Supernodes that this softphone is attached to, best first. */
  attached: readonly KeyId[];
  /** Whether the signed list names a supernode. */
  isListed(supernode: KeyId): boolean;
  crypto: SessionCrypto;
  emit(output: PhoneOutput): void;
  newLegId(): LegId;
  /** Something to read, or the word that it is kept, has come under the keys of a leg. */
  onText(secure: SecureLeg, message: TextMessage, nowMs: number): void;
}

/** How long an invited endpoint may take to answer the handshake, ms. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/**
 * How long the callee keeps an invite for the caller's confirm, ms: one round trip over two control connections.
 * Short, because anybody can send invites that are never confirmed.
 */
export const CONFIRM_TIMEOUT_MS = 5_000;
/** How long it rings at the caller before giving up, ms. */
export const RING_TIMEOUT_MS = 60_000;
/** The callee stops ringing a little later by itself, in case the cancel got lost. */
export const CALLEE_RING_TIMEOUT_MS = RING_TIMEOUT_MS + 5_000;
/** Why a callee's other softphones are told to stop, when one of them was answered. */
export const ANSWERED_ELSEWHERE = 'answered elsewhere';
/** How long a lookup may take, ms. */
export const LOOKUP_TIMEOUT_MS = 10_000;

/** How long an endpoint may take to answer a ping, ms: one that does not know pings says nothing. */
export const PING_ANSWER_TIMEOUT_MS = 5_000;
/** A handshake for a text message is kept so long after the message, ms: its ack may have to be said again. */
export const TEXT_LINGER_MS = 10_000;
/** The callee ends a ping after this time, ms. */
export const MAX_PING_MS = 60_000;

/** Supernodes that an invite names as those of the caller. */
export const MAX_INVITE_SUPERNODES = 4;
/** Somebody who is not where he was found is looked up again so often, the first time at once, then so far apart, ms. */
export const REFIND_ATTEMPTS = 4;
export const REFIND_INTERVAL_MS = 400;

export function randomFlowId(crypto: SessionCrypto): FlowId {
  const bytes = crypto.randomBytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}

import type { CertifiedDevice, KeyId } from '@overcall/identity';
import type { CallKeys, SessionCrypto, StaticKeyPair } from '@overcall/session';
import type { CandidateMessage } from '@overcall/traversal';
import type { CertificateChain, Endpoint, FlowId } from '@overcall/wire';

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
  /** Supernode through which it is reached. */
  supernode: KeyId;
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

/** `unsupported`: somebody is there, whose softphone does not know pings. */
export type PingEndReason = EndReason | 'unsupported';

/** Where a signal came from: the name is the supernode's word until a certificate confirms it. */
export interface SignalOrigin {
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
  /** A call that came while this softphone was in another one. */
  | { event: 'missed'; callId: CallId; from: string; reason: 'busy' }
  | { event: 'ended'; callId: CallId; reason: EndReason; durationS: number }
  /** The paths of this leg may be looked at. */
  | { event: 'ping-answered'; callId: CallId; legId: LegId; setupMs: number }
  | { event: 'ping-ended'; callId: CallId; reason: PingEndReason };

/** Everything a driver needs to carry the media of a leg. */
export interface ReadyLeg {
  legId: LegId;
  callId: CallId;
  direction: 'outgoing' | 'incoming';
  purpose: Purpose;
  supernode: KeyId;
  peer: CertifiedDevice;
  /** Chosen here; the peer sends with it. */
  receiveFlow: FlowId;
  /** Chosen by the peer. */
  sendFlow: FlowId;
  keys: CallKeys;
}

export type PhoneOutput =
  | { type: 'lookup'; callId: CallId; name: string }
  /** Check this chain; answer with `handleVerified`. */
  | { type: 'verify'; inviteId: number; chain: CertificateChain }
  | { type: 'signal'; supernode: KeyId; to: Endpoint; callId: CallId; body: Uint8Array }
  /** Keys are agreed and confirmed: open a relay for it and keep its path warm. */
  | ({ type: 'leg-ready' } & ReadyLeg)
  /** The call is accepted: from now on, and never before, audio is sent and played on this leg. */
  | { type: 'talk'; callId: CallId; legId: LegId }
  /** What the peer says about its addresses. */
  | { type: 'told'; legId: LegId; message: CandidateMessage }
  /** Over; `bye` asks for the hang-up to be repeated on the media path. */
  | { type: 'leg-closed'; legId: LegId; bye: boolean }
  | { type: 'event'; event: PhoneEvent };

/** What calls share with the phone that owns them. */
export interface CallContext {
  local: LocalParty;
  crypto: SessionCrypto;
  emit(output: PhoneOutput): void;
  newLegId(): LegId;
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
/** How long a lookup may take, ms. */
export const LOOKUP_TIMEOUT_MS = 10_000;

/** How long an endpoint may take to answer a ping, ms: one that does not know pings says nothing. */
export const PING_ANSWER_TIMEOUT_MS = 5_000;
/** The callee ends a ping after this time, ms. */
export const MAX_PING_MS = 60_000;

export function randomFlowId(crypto: SessionCrypto): FlowId {
  const bytes = crypto.randomBytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}

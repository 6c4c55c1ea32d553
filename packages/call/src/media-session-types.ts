import type { SessionCrypto } from '@overcall/session';
import type { CandidateMessage, GuessRequest, Path, SocketId, SwitchReason } from '@overcall/traversal';
import type { AudioBlock, FlowId, ReceptionReport } from '@overcall/wire';
import type { ReadyLeg } from './call-types.ts';
import type { HeardAudio } from './early-audio.ts';

export type MediaOutput =
  | { type: 'send'; socket: SocketId; to: string; datagram: Uint8Array; hopLimit?: number }
  /** For the peer, sealed, through the supernode. */
  | { type: 'tell'; message: CandidateMessage }
  /** Our NAT may have given us other addresses: ask again. */
  | { type: 'gather' }
  /** For guessing ports, see `PathAgent`: answered by `MediaSession.guide`. */
  | GuessRequest
  /** What the peer says of what we send. */
  | { type: 'report'; report: ReceptionReport }
  /** Heard on a leg that talks. */
  | ({ type: 'audio' } & HeardAudio)
  /** The peer has been sending audio for a while, so it has accepted; the word of it must be lost. */
  | { type: 'overdue' }
  /** The stream of that number (see {@link RelayGrant}) is to be open from now on, or need not be any more. */
  | { type: 'stream'; socket: SocketId; wanted: boolean }
  /** The peer answers over this route now, or has stopped: while none or one is up, another one is worth having. */
  | { type: 'route'; route: FlowId; isUp: boolean }
  /** The way that audio goes now; its round trip is known. */
  | { type: 'path'; path: Path; reason: SwitchReason }
  /** The peer hung up (bye) or has not been heard for too long. */
  | { type: 'ended'; reason: 'failed' | 'remote-hangup' };

/** What goes along with a packet of Opus. */
export interface AudioExtras {
  copies: readonly AudioBlock[];
  /** Whether there is room for a report. */
  hasReport: boolean;
  /** Of the payload, padded. */
  payloadBytes: number;
}

export interface MediaStats {
  sentPackets: number;
  sentBytes: number;
  receivedPackets: number;
  lostPackets: number;
  duplicatePackets: number;
  forgedPackets: number;
  jitterMs: number;
  /** Round trip to the peer on the path in use, ms; null before the first answer. */
  rttMs: number | null;
}

/** What was measured on one way over supernodes. */
export interface RouteStats {
  /** On which we receive what comes this way. */
  flow: FlowId;
  /** Media packets sent and received on it. */
  packets: number;
  /** Of these, as far as it was measured, percent; the worse direction. */
  lossPct: number | null;
  rttMs: number | null;
}

export interface MediaSessionOptions extends Pick<ReadyLeg, 'legId' | 'keys'> {
  crypto: SessionCrypto;
  /** On which the peer sends to us directly, chosen at random. */
  directFlow: FlowId;
  /** Whether an address that the peer named may be checked. */
  mayCheck: (address: string) => boolean;
  /** Audio takes a direct path or none. */
  directOnly?: boolean;
  nowMs: number;
}

/** A way over one supernode or more that was opened at our end, and how to bind to it. */
export interface RelayGrant {
  /** On which we receive what comes this way: names the route in this session. */
  route: FlowId;
  /** Chosen by the peer; we send with it. */
  sendFlow: FlowId;
  /** Names of the supernodes, from ours to the peer's. */
  via: readonly string[];
  socket: SocketId;
  /** Of the first supernode, over UDP. */
  relayAddress: string;
  bindKey: Uint8Array;
  /** The other way to it: the number of a stream in place of a socket, the same for all routes that share it, and its address over TCP. */
  stream?: { socket: SocketId; address: string };
  /** Round trip to it, as far as it is known, ms. */
  rttMs?: number;
}

import type { FlowId } from '@overcall/wire';
import type { CandidateMessage } from './candidate-exchange.ts';
import type { GuessOutput } from './guess-situation.ts';
import type { Path, SocketId } from './path.ts';
import type { SwitchReason } from './selection.ts';

/** Seals and opens checks under the keys of the call. Packets that are not authentic, or repeated, are null. */
export interface CheckCipher {
  seal(plaintext: Uint8Array): { counter: number; sealed: Uint8Array };
  open(counter: number, sealed: Uint8Array): Uint8Array | null;
}

/** What guessing ports asks of the driver. */
export type GuessRequest = Exclude<GuessOutput, { type: 'guess' | 'pair' | 'probe' }>;

export type PathOutput =
  | { type: 'send'; socket: SocketId; to: string; datagram: Uint8Array; hopLimit?: number }
  /** For the peer, sealed, through the supernode. */
  | { type: 'tell'; message: CandidateMessage }
  /** From now on the audio goes this way. */
  | { type: 'path'; path: Path; reason: SwitchReason }
  /** Our NAT may have given us other addresses: ask again, and tell by `setCandidates`. */
  | { type: 'gather' }
  | GuessRequest
  /** The path in use has fallen silent: what was sent last may be lost, so send it again this way. */
  | { type: 'repeat'; path: Path };

export interface PathAgentOptions {
  cipher: CheckCipher;
  random: (bytes: number) => Uint8Array;
  /** Flow id of direct datagrams to us, chosen at random. */
  receiveFlow: FlowId;
  /** Whether an address that the peer named may be checked at all. */
  mayCheck: (address: string) => boolean;
  /** Whether relays are only for reaching the peer, and audio takes a direct path or none. */
  directOnly?: boolean;
}

/** What was dropped, and why. */
export interface PathCounters {
  forgedChecks: number;
  /** Checks from where none may come: addresses that may not be checked, or while ours are not to be known. */
  unwelcomeChecks: number;
  /** Pongs that answer no ping of ours, or come from elsewhere. */
  strayPongs: number;
}

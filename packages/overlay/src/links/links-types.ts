import type { LinkMessage } from '@overcall/wire';
import type { LinkFailure } from '../control-context.ts';
import type { JoinedMessage } from './link-session.ts';

/** Why a link ends, as the other side is told: it is alive, and wants no link now. */
export type LinkClose = 'normal' | 'full' | 'policy';

export type LinkOutput =
  /** Open a connection; then `Links.handleOpened` or `Links.handleDisconnect`. */
  | { kind: 'dial'; link: number; to: string }
  | { kind: 'send'; link: number; message: LinkMessage }
  | { kind: 'close'; link: number; why: LinkClose }
  /** Sign a proof for `audience`; then `Links.handleSigned`. */
  | { kind: 'sign-join'; link: number; audience: string; ownNonce: string; otherNonce: string }
  /** Check a proof of `from`; then `Links.handleJoinChecked`. */
  | { kind: 'check-join'; link: number; proof: string; from: string; theirNonce: string; ourNonce: string }
  | { kind: 'message'; from: string; message: JoinedMessage }
  /** A message that `Links.deliver` was given did not leave. */
  | { kind: 'failed'; to: string; message: LinkMessage; code: LinkFailure }
  /** Who is not in the list wanted a link. */
  | { kind: 'unknown' }
  | { kind: 'up'; supernode: string }
  | { kind: 'down'; supernode: string };

export interface LinksOptions {
  /** Identity key id of this supernode. */
  supernode: string;
  randomBytes(length: number): Uint8Array;
  /** From 0 to below 1. */
  random(): number;
  /** Bytes that wait to be sent on a link. */
  backlogBytes(link: number): number;
}

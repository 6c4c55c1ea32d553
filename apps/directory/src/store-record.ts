import type { RevokedDevice } from '@overcall/identity';
import type { StoredEpoch } from './index-epochs.ts';
import type { Invite, PublishedList, StoredSupernode, User } from './store.ts';

/**
 * The one thing that a step of the store writes. A record holds all there is to know of its subject (one user, one
 * invite, ...), so the newest record of each subject is the whole store, and applying one twice changes nothing.
 *
 * `revision` is that of the list's content after the record; it is the same as before where the list says the same.
 */
export type StoreRecord =
  /** `inviteHash` is used up by it. */
  | { kind: 'user'; user: User; inviteHash: string | null }
  | { kind: 'invite'; invite: StoredInvite }
  | { kind: 'supernode'; supernode: StoredSupernode; revision: number }
  | { kind: 'revocation'; device: RevokedDevice; revokedAtMs: number; revision: number }
  /** The newest first; two at the most. */
  | { kind: 'epochs'; epochs: StoredEpoch[]; revision: number }
  | { kind: 'list'; list: PublishedList };

export interface StoredInvite extends Invite {
  /** Name of a user or key id of a supernode. */
  usedBy: string | null;
}

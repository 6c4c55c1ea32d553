import type {
  IndexEpoch,
  KeyId,
  ListedSupernode,
  RevokedDevice,
  SigningPublicKey,
  SupernodeEntry,
} from '@overcall/identity';

/**
 * What the directory remembers. Each method is one atomic step, durable when its promise is kept: a store on
 * several machines can offer the same.
 */
export interface Store {
  userByName(name: string): Promise<User | null>;
  /** Adds a user unless name, look of the name or key belong to another. `inviteHash` is used up if it is good. */
  addUser(user: User, inviteHash: string | null): Promise<AddUserOutcome>;
  users(): Promise<User[]>;
  addInvite(invite: Invite): Promise<void>;
  /** Whether an invite of this kind is good at that moment. */
  isInviteGood(hash: string, kind: InviteKind, nowMs: number): Promise<boolean>;
  /** Uses an invite up; false when it is not good (any more). */
  useInvite(hash: string, kind: InviteKind, usedBy: string, nowMs: number): Promise<boolean>;

  supernode(keyId: KeyId): Promise<StoredSupernode | null>;
  supernodes(): Promise<StoredSupernode[]>;
  /** Returns false when nothing changed. Who is admitted anew is dated after the newest epoch of the index. */
  putSupernode(supernode: SupernodeChange): Promise<boolean>;
  isRevoked(device: RevokedDevice): Promise<boolean>;
  revoke(device: RevokedDevice, revokedAtMs: number, limits: RevocationLimits): Promise<RevokeOutcome>;

  /** Closes admission for a new epoch of the index if one is due; `makeSeed` is called afterwards. */
  closeEpoch(nowMs: number, makeSeed: () => string): Promise<void>;
  /** What the supernode list has to say. `revision` grows whenever that changes. */
  listContent(): Promise<ListContent>;
  listHead(): Promise<ListHead>;
  publishedList(): Promise<PublishedList | null>;
  /** Keeps a newly signed list, unless another one than that version (0: none) was kept last. */
  saveList(list: PublishedList, afterVersion: number): Promise<boolean>;

  /** Fails when the store cannot be used. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface User {
  /** Canonical. */
  name: string;
  skeleton: string;
  key: SigningPublicKey;
  keyId: KeyId;
  createdAtMs: number;
}
/** `name-alike`: another name would be taken for this one. */
export type AddUserOutcome = 'added' | 'known' | 'name-taken' | 'name-alike' | 'key-taken' | 'invite-invalid';

export type InviteKind = 'user' | 'supernode';
export interface Invite {
  /** SHA-256 of the code, hex: who reads the database learns no code. */
  hash: string;
  kind: InviteKind;
  createdAtMs: number;
  expiresAtMs: number;
}

/** `pending` waits for the operator; `left` went by itself and may come back; `removed` was thrown out and stays out. */
export type SupernodeStatus = 'admitted' | 'pending' | 'left' | 'removed';
export interface SupernodeChange {
  keyId: KeyId;
  entry: SupernodeEntry;
  status: SupernodeStatus;
  updatedAtMs: number;
}
export interface StoredSupernode extends SupernodeChange {
  /** Null while it is not admitted. */
  admittedAtMs: number | null;
}

export interface RevocationLimits {
  perUser: number;
  total: number;
}
export type RevokeOutcome = 'revoked' | 'known' | 'full';

export interface ListContent {
  revision: number;
  supernodes: ListedSupernode[];
  /** The newest epoch and the one before. */
  index: IndexEpoch[];
  revokedDevices: RevokedDevice[];
}
export interface PublishedList {
  version: number;
  /** Of the content that was signed. */
  revision: number;
  token: string;
  expiresAtMs: number;
}
export interface ListHead {
  revision: number;
  /** When the newest epoch of the index was made; null when there is none. */
  epochMadeAtMs: number | null;
  published: Omit<PublishedList, 'token'> | null;
}

import type { KeyId, RevokedDevice } from '@overcall/identity';
import { isEpochDue } from './index-epochs.ts';
import type {
  AddUserOutcome,
  Invite,
  InviteKind,
  ListContent,
  ListHead,
  PublishedList,
  RevocationLimits,
  RevokeOutcome,
  Store,
  StoredSupernode,
  SupernodeChange,
  User,
} from './store.ts';
import type { StoredInvite, StoreRecord } from './store-record.ts';
import type { StoreTables } from './store-tables.ts';

/** What a step comes to, and what it writes for that; null when all stays as it is. */
export interface Decision<Outcome> {
  outcome: Outcome;
  record: StoreRecord | null;
}

/** Where records are kept, and how one process among several gets its own in. */
export interface Ledger {
  /** Writes what `decide` says about the newest tables; it is asked again when another process was faster. */
  write<Outcome>(decide: (tables: StoreTables) => Decision<Outcome>): Promise<Outcome>;
  /** What the newest tables say. `isFinal`: an answer that can not become another one, whatever is newer. */
  read<Value>(look: (tables: StoreTables) => Value, isFinal?: (value: Value) => boolean): Promise<Value>;
  /** Fails when nothing can be written. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The rules of the store: the same wherever its records are kept. */
export class RuledStore implements Store {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** A user is never changed. */
  async userByName(name: string): Promise<User | null> {
    return this.#ledger.read(
      (tables) => tables.userByName(name),
      (user) => user !== null,
    );
  }

  async addUser(user: User, inviteHash: string | null): Promise<AddUserOutcome> {
    return this.#ledger.write<AddUserOutcome>((tables) => {
      const sameName = tables.userByName(user.name);
      if (sameName !== null) return nothing(sameName.keyId === user.keyId ? 'known' : 'name-taken');
      if (tables.isKeyTaken(user.keyId)) return nothing('key-taken');
      if (tables.isSkeletonTaken(user.skeleton)) return nothing('name-alike');
      if (inviteHash !== null && !isGood(tables.invite(inviteHash), 'user', user.createdAtMs))
        return nothing('invite-invalid');
      return { outcome: 'added', record: { kind: 'user', user, inviteHash } };
    });
  }

  async users(): Promise<User[]> {
    return this.#ledger.read((tables) => tables.users());
  }

  async addInvite(invite: Invite): Promise<void> {
    const record: StoreRecord = { kind: 'invite', invite: { ...invite, usedBy: null } };
    await this.#ledger.write((tables) => {
      if (tables.invite(invite.hash) !== null) throw new Error('this invite is there already');
      return { outcome: undefined, record };
    });
  }

  async isInviteGood(hash: string, kind: InviteKind, nowMs: number): Promise<boolean> {
    return this.#ledger.read((tables) => isGood(tables.invite(hash), kind, nowMs));
  }

  async useInvite(hash: string, kind: InviteKind, usedBy: string, nowMs: number): Promise<boolean> {
    return this.#ledger.write<boolean>((tables) => {
      const invite = tables.invite(hash);
      if (!isGood(invite, kind, nowMs)) return nothing(false);
      return { outcome: true, record: { kind: 'invite', invite: { ...invite, usedBy } } };
    });
  }

  async supernode(keyId: KeyId): Promise<StoredSupernode | null> {
    return this.#ledger.read((tables) => tables.supernode(keyId));
  }

  async supernodes(): Promise<StoredSupernode[]> {
    return this.#ledger.read((tables) => tables.supernodes());
  }

  async putSupernode({ keyId, entry, status, updatedAtMs }: SupernodeChange): Promise<boolean> {
    return this.#ledger.write<boolean>((tables) => {
      const before = tables.supernode(keyId);
      const isSame = before?.status === status && JSON.stringify(before.entry) === JSON.stringify(entry);
      if (isSame) return nothing(false);
      const isInList = before?.status === 'admitted' || status === 'admitted';
      const revision = tables.revision() + (isInList ? 1 : 0);
      // Dated after the newest epoch: its seed is known, so a key could have been chosen to suit it.
      const afterEpochMs = (tables.epochs()[0]?.closedAtMs ?? 0) + 1;
      const admittedAtMs =
        status === 'admitted' ? (before?.admittedAtMs ?? Math.max(updatedAtMs, afterEpochMs)) : null;
      const supernode = { keyId, entry, status, updatedAtMs, admittedAtMs };
      return { outcome: true, record: { kind: 'supernode', supernode, revision } };
    });
  }

  /** A revocation is never taken back. */
  async isRevoked(device: RevokedDevice): Promise<boolean> {
    return this.#ledger.read(
      (tables) => tables.isRevoked(device),
      (isRevoked) => isRevoked,
    );
  }

  async revoke(device: RevokedDevice, revokedAtMs: number, limits: RevocationLimits): Promise<RevokeOutcome> {
    return this.#ledger.write<RevokeOutcome>((tables) => {
      if (tables.isRevoked(device)) return nothing('known');
      const { ofUser, total } = tables.countRevocations(device.identity);
      if (ofUser >= limits.perUser || total >= limits.total) return nothing('full');
      const revision = tables.revision() + 1;
      return { outcome: 'revoked', record: { kind: 'revocation', device, revokedAtMs, revision } };
    });
  }

  async closeEpoch(nowMs: number, makeSeed: () => string): Promise<void> {
    await this.#ledger.write((tables) => {
      const [newest = null] = tables.epochs();
      const { admitted, eligible, lastAtMs } = tables.admissions(newest?.closedAtMs ?? 0);
      if (!isEpochDue(newest, { admitted, eligible }, nowMs)) return nothing(undefined);
      // Everybody admitted so far takes part, those too that were dated by a clock which has been set back since.
      const closedAtMs = Math.max(nowMs, (newest?.closedAtMs ?? 0) + 1, lastAtMs ?? 0);
      const epoch = { closedAtMs, madeAtMs: nowMs, seed: makeSeed() };
      const epochs = newest === null ? [epoch] : [epoch, newest];
      return { outcome: undefined, record: { kind: 'epochs', epochs, revision: tables.revision() + 1 } };
    });
  }

  async listContent(): Promise<ListContent> {
    return this.#ledger.read((tables) => tables.listContent());
  }

  async listHead(): Promise<ListHead> {
    return this.#ledger.read((tables) => tables.listHead());
  }

  async publishedList(): Promise<PublishedList | null> {
    return this.#ledger.read((tables) => tables.publishedList());
  }

  /** A list with older content would bring back for a moment who was revoked or removed. */
  async saveList(list: PublishedList, afterVersion: number): Promise<boolean> {
    return this.#ledger.write<boolean>((tables) => {
      const { published } = tables.listHead();
      const isNext = (published?.version ?? 0) === afterVersion && list.version > afterVersion;
      const isOlder = published !== null && list.revision < published.revision;
      return isNext && !isOlder ? { outcome: true, record: { kind: 'list', list } } : nothing(false);
    });
  }

  ping(): Promise<void> {
    return this.#ledger.ping();
  }

  close(): Promise<void> {
    return this.#ledger.close();
  }
}

function nothing<Outcome>(outcome: Outcome): Decision<Outcome> {
  return { outcome, record: null };
}

function isGood(invite: StoredInvite | null, kind: InviteKind, nowMs: number): invite is StoredInvite {
  return invite?.kind === kind && invite.usedBy === null && invite.expiresAtMs > nowMs;
}

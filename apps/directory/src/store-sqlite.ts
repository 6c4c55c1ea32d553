import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type KeyId,
  type ListedSupernode,
  type RevokedDevice,
  type SupernodeEntry,
  signingPublicKey,
} from '@overcall/identity';
import { isEpochDue, type StoredEpoch } from './index-epochs.ts';
import { transaction } from './sqlite-schema.ts';
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
  SupernodeStatus,
  User,
} from './store.ts';

interface UserRow {
  name: string;
  skeleton: string;
  key_id: string;
  key_x: string;
  created_at_ms: number;
}
interface SupernodeRow {
  key_id: string;
  entry: string;
  status: SupernodeStatus;
  updated_at_ms: number;
  admitted_at_ms: number | null;
}
interface EpochRow {
  closed_at_ms: number;
  made_at_ms: number;
  seed: string;
}
interface ListRow {
  version: number;
  revision: number;
  token: string;
  expires_at_ms: number;
}

/** The store of one process: `node:sqlite` is synchronous, so each method is one turn of the event loop. */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async userByName(name: string): Promise<User | null> {
    return this.#user('SELECT * FROM users WHERE name = ?', name);
  }

  async addUser(user: User, inviteHash: string | null): Promise<AddUserOutcome> {
    return transaction(this.#database, () => {
      const sameName = this.#user('SELECT * FROM users WHERE name = ?', user.name);
      if (sameName !== null) return sameName.keyId === user.keyId ? 'known' : 'name-taken';
      if (this.#get('SELECT 1 FROM users WHERE key_id = ?', user.keyId)) return 'key-taken';
      if (this.#get('SELECT 1 FROM users WHERE skeleton = ?', user.skeleton)) return 'name-alike';
      if (inviteHash !== null && !this.#useInvite(inviteHash, 'user', user.name, user.createdAtMs))
        return 'invite-invalid';
      this.#prepare('INSERT INTO users VALUES (?, ?, ?, ?, ?)').run(
        user.name,
        user.skeleton,
        user.keyId,
        user.key.x,
        user.createdAtMs,
      );
      return 'added';
    });
  }

  async users(): Promise<User[]> {
    const rows = this.#prepare('SELECT * FROM users ORDER BY created_at_ms, name').all();
    return (rows as unknown as UserRow[]).map(asUser);
  }

  async addInvite(invite: Invite): Promise<void> {
    this.#prepare('INSERT INTO invites (hash, kind, created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?)').run(
      invite.hash,
      invite.kind,
      invite.createdAtMs,
      invite.expiresAtMs,
    );
  }

  async isInviteGood(hash: string, kind: InviteKind, nowMs: number): Promise<boolean> {
    const sql = 'SELECT 1 FROM invites WHERE hash = ? AND kind = ? AND used_by IS NULL AND expires_at_ms > ?';
    return this.#prepare(sql).get(hash, kind, nowMs) !== undefined;
  }

  async useInvite(hash: string, kind: InviteKind, usedBy: string, nowMs: number): Promise<boolean> {
    return this.#useInvite(hash, kind, usedBy, nowMs);
  }

  async supernode(keyId: KeyId): Promise<StoredSupernode | null> {
    return this.#supernode(keyId);
  }

  async supernodes(): Promise<StoredSupernode[]> {
    const rows = this.#prepare('SELECT * FROM supernodes ORDER BY key_id').all();
    return (rows as unknown as SupernodeRow[]).map(asSupernode);
  }

  async putSupernode(supernode: SupernodeChange): Promise<boolean> {
    const entry = JSON.stringify(supernode.entry);
    return transaction(this.#database, () => {
      const before = this.#supernode(supernode.keyId);
      if (before?.status === supernode.status && JSON.stringify(before.entry) === entry) return false;
      this.#prepare('INSERT OR REPLACE INTO supernodes VALUES (?, ?, ?, ?, ?)').run(
        supernode.keyId,
        entry,
        supernode.status,
        supernode.updatedAtMs,
        this.#admittedAtMs(supernode, before),
      );
      if (before?.status === 'admitted' || supernode.status === 'admitted') this.#touchContent();
      return true;
    });
  }

  async isRevoked(device: RevokedDevice): Promise<boolean> {
    return this.#isRevoked(device);
  }

  async revoke(device: RevokedDevice, revokedAtMs: number, limits: RevocationLimits): Promise<RevokeOutcome> {
    return transaction(this.#database, () => {
      if (this.#isRevoked(device)) return 'known';
      const count = 'SELECT count(*) AS n FROM revocations';
      const ofUser = this.#get<{ n: number }>(`${count} WHERE identity = ?`, device.identity)!.n;
      if (ofUser >= limits.perUser || this.#get<{ n: number }>(count)!.n >= limits.total) return 'full';
      this.#prepare('INSERT INTO revocations VALUES (?, ?, ?)').run(
        device.identity,
        device.device,
        revokedAtMs,
      );
      this.#touchContent();
      return 'revoked';
    });
  }

  async closeEpoch(nowMs: number, makeSeed: () => string): Promise<void> {
    transaction(this.#database, () => {
      const [newest = null] = this.#epochs();
      const counts = this.#get<{ eligible: number | null; admitted: number; lastAtMs: number | null }>(
        `SELECT count(*) AS admitted, sum(admitted_at_ms <= ${newest?.closedAtMs ?? 0}) AS eligible,
           max(admitted_at_ms) AS lastAtMs
         FROM supernodes WHERE status = 'admitted'`,
      )!;
      const { admitted, eligible, lastAtMs } = counts;
      if (!isEpochDue(newest, { admitted, eligible: eligible ?? 0 }, nowMs)) return;
      // Everybody admitted so far takes part, those too that were dated by a clock which has been set back since.
      const closedAtMs = Math.max(nowMs, (newest?.closedAtMs ?? 0) + 1, lastAtMs ?? 0);
      this.#prepare('INSERT INTO epochs VALUES (?, ?, ?)').run(closedAtMs, nowMs, makeSeed());
      this.#prepare('DELETE FROM epochs WHERE closed_at_ms < ?').run(newest?.closedAtMs ?? 0);
      this.#touchContent();
    });
  }

  async listContent(): Promise<ListContent> {
    return transaction(this.#database, () => {
      const rows = this.#prepare(
        "SELECT entry, admitted_at_ms FROM supernodes WHERE status = 'admitted' ORDER BY key_id",
      ).all() as unknown as SupernodeRow[];
      const revoked = this.#prepare('SELECT identity, device FROM revocations').all();
      return {
        revision: this.#revision(),
        supernodes: rows.map(asListed),
        index: this.#epochs().map(({ seed, closedAtMs }) => ({ seed, closedAtMs })),
        revokedDevices: revoked.map((row) => ({ ...row }) as unknown as RevokedDevice),
      };
    });
  }

  async listHead(): Promise<ListHead> {
    const row = this.#get<ListRow>('SELECT version, revision, expires_at_ms FROM list');
    const published = row
      ? { version: row.version, revision: row.revision, expiresAtMs: row.expires_at_ms }
      : null;
    return {
      revision: this.#revision(),
      epochMadeAtMs: this.#epochs()[0]?.madeAtMs ?? null,
      published,
    };
  }

  async publishedList(): Promise<PublishedList | null> {
    const row = this.#get<ListRow>('SELECT * FROM list');
    if (row === undefined) return null;
    const { version, revision, token, expires_at_ms } = row;
    return { version, revision, token, expiresAtMs: expires_at_ms };
  }

  async saveList(list: PublishedList): Promise<boolean> {
    const { changes } = this.#prepare(
      `INSERT INTO list VALUES (1, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
       SET version = excluded.version, revision = excluded.revision, token = excluded.token,
           expires_at_ms = excluded.expires_at_ms
       WHERE excluded.version > list.version`,
    ).run(list.version, list.revision, list.token, list.expiresAtMs);
    return changes > 0;
  }

  async ping(): Promise<void> {
    this.#revision();
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #get<Row>(sql: string, ...values: string[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  #user(sql: string, value: string): User | null {
    const row = this.#get<UserRow>(sql, value);
    return row ? asUser(row) : null;
  }

  #supernode(keyId: KeyId): StoredSupernode | null {
    const row = this.#get<SupernodeRow>('SELECT * FROM supernodes WHERE key_id = ?', keyId);
    return row ? asSupernode(row) : null;
  }

  /** Dated after the newest epoch: its seed is known, so a key could have been chosen to suit it. */
  #admittedAtMs({ status, updatedAtMs }: SupernodeChange, before: StoredSupernode | null): number | null {
    if (status !== 'admitted') return null;
    const newest = this.#epochs()[0]?.closedAtMs ?? 0;
    return before?.admittedAtMs ?? Math.max(updatedAtMs, newest + 1);
  }

  /** Newest first; two at the most. */
  #epochs(): StoredEpoch[] {
    const rows = this.#prepare('SELECT * FROM epochs ORDER BY closed_at_ms DESC').all();
    return (rows as unknown as EpochRow[]).map(({ seed, closed_at_ms, made_at_ms }) => ({
      seed,
      closedAtMs: closed_at_ms,
      madeAtMs: made_at_ms,
    }));
  }

  #isRevoked({ identity, device }: RevokedDevice): boolean {
    return (
      this.#get('SELECT 1 FROM revocations WHERE identity = ? AND device = ?', identity, device) !== undefined
    );
  }

  #useInvite(hash: string, kind: InviteKind, usedBy: string, nowMs: number): boolean {
    const good = 'hash = ? AND kind = ? AND used_by IS NULL AND expires_at_ms > ?';
    const sql = `UPDATE invites SET used_by = ? WHERE ${good}`;
    return this.#prepare(sql).run(usedBy, hash, kind, nowMs).changes > 0;
  }

  #revision(): number {
    return this.#get<{ revision: number }>('SELECT revision FROM content')!.revision;
  }

  #touchContent(): void {
    this.#prepare('UPDATE content SET revision = revision + 1').run();
  }
}

function asUser(row: UserRow): User {
  return {
    name: row.name,
    skeleton: row.skeleton,
    key: signingPublicKey(row.key_x),
    keyId: row.key_id,
    createdAtMs: row.created_at_ms,
  };
}

function asSupernode(row: SupernodeRow): StoredSupernode {
  return {
    keyId: row.key_id,
    entry: JSON.parse(row.entry) as SupernodeEntry,
    status: row.status,
    updatedAtMs: row.updated_at_ms,
    admittedAtMs: row.admitted_at_ms,
  };
}

function asListed(row: SupernodeRow): ListedSupernode {
  return { ...(JSON.parse(row.entry) as SupernodeEntry), since: row.admitted_at_ms! };
}

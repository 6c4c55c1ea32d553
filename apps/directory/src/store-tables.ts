import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type KeyId,
  type ListedSupernode,
  type RevokedDevice,
  type SupernodeEntry,
  signingPublicKey,
} from '@overcall/identity';
import type { StoredEpoch } from './index-epochs.ts';
import { transaction } from './sqlite-schema.ts';
import type {
  InviteKind,
  ListContent,
  ListHead,
  PublishedList,
  StoredSupernode,
  SupernodeStatus,
  User,
} from './store.ts';
import type { StoredInvite, StoreRecord } from './store-record.ts';

interface UserRow {
  name: string;
  skeleton: string;
  key_id: string;
  key_x: string;
  created_at_ms: number;
}
interface InviteRow {
  hash: string;
  kind: InviteKind;
  created_at_ms: number;
  expires_at_ms: number;
  used_by: string | null;
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

/** What a directory knows, in tables of SQLite: on disk it is the store, in memory the copy of one that is elsewhere. */
export class StoreTables {
  readonly database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  userByName(name: string): User | null {
    return this.#user('SELECT * FROM users WHERE name = ?', name);
  }

  isKeyTaken(keyId: KeyId): boolean {
    return this.#get('SELECT 1 FROM users WHERE key_id = ?', keyId) !== undefined;
  }

  isSkeletonTaken(skeleton: string): boolean {
    return this.#get('SELECT 1 FROM users WHERE skeleton = ?', skeleton) !== undefined;
  }

  users(): User[] {
    const rows = this.#prepare('SELECT * FROM users ORDER BY created_at_ms, name').all();
    return (rows as unknown as UserRow[]).map(asUser);
  }

  invite(hash: string): StoredInvite | null {
    const row = this.#get<InviteRow>('SELECT * FROM invites WHERE hash = ?', hash);
    return row ? asInvite(row) : null;
  }

  invites(): StoredInvite[] {
    const rows = this.#prepare('SELECT * FROM invites ORDER BY created_at_ms, hash').all();
    return (rows as unknown as InviteRow[]).map(asInvite);
  }

  supernode(keyId: KeyId): StoredSupernode | null {
    const row = this.#get<SupernodeRow>('SELECT * FROM supernodes WHERE key_id = ?', keyId);
    return row ? asSupernode(row) : null;
  }

  supernodes(): StoredSupernode[] {
    const rows = this.#prepare('SELECT * FROM supernodes ORDER BY key_id').all();
    return (rows as unknown as SupernodeRow[]).map(asSupernode);
  }

  /** Of those admitted: how many, how many of them until that moment, and when the last one was. */
  admissions(untilMs: number): { admitted: number; eligible: number; lastAtMs: number | null } {
    const row = this.#prepare(
      `SELECT count(*) AS admitted, sum(admitted_at_ms <= ?) AS eligible, max(admitted_at_ms) AS lastAtMs
       FROM supernodes WHERE status = 'admitted'`,
    ).get(untilMs) as { admitted: number; eligible: number | null; lastAtMs: number | null };
    return { ...row, eligible: row.eligible ?? 0 };
  }

  isRevoked({ identity, device }: RevokedDevice): boolean {
    const sql = 'SELECT 1 FROM revocations WHERE identity = ? AND device = ?';
    return this.#get(sql, identity, device) !== undefined;
  }

  revocations(): (RevokedDevice & { revokedAtMs: number })[] {
    const sql = 'SELECT identity, device, revoked_at_ms AS revokedAtMs FROM revocations';
    return this.#prepare(sql).all() as unknown as (RevokedDevice & { revokedAtMs: number })[];
  }

  countRevocations(identity: KeyId): { ofUser: number; total: number } {
    const count = 'SELECT count(*) AS n FROM revocations';
    const ofUser = this.#get<{ n: number }>(`${count} WHERE identity = ?`, identity)!.n;
    return { ofUser, total: this.#get<{ n: number }>(count)!.n };
  }

  /** Newest first; two at the most. */
  epochs(): StoredEpoch[] {
    const rows = this.#prepare('SELECT * FROM epochs ORDER BY closed_at_ms DESC').all();
    return (rows as unknown as EpochRow[]).map(({ seed, closed_at_ms, made_at_ms }) => ({
      seed,
      closedAtMs: closed_at_ms,
      madeAtMs: made_at_ms,
    }));
  }

  revision(): number {
    return this.#get<{ revision: number }>('SELECT revision FROM content')!.revision;
  }

  /** In a transaction of its own, for another process may write meanwhile. */
  listContent(): ListContent {
    return transaction(this.database, () => {
      const rows = this.#prepare(
        "SELECT entry, admitted_at_ms FROM supernodes WHERE status = 'admitted' ORDER BY key_id",
      ).all() as unknown as SupernodeRow[];
      const revoked = this.#prepare('SELECT identity, device FROM revocations').all();
      return {
        revision: this.revision(),
        supernodes: rows.map(asListed),
        index: this.epochs().map(({ seed, closedAtMs }) => ({ seed, closedAtMs })),
        revokedDevices: revoked.map((row) => ({ ...row }) as unknown as RevokedDevice),
      };
    });
  }

  listHead(): ListHead {
    const row = this.#get<ListRow>('SELECT version, revision, expires_at_ms FROM list');
    const published = row
      ? { version: row.version, revision: row.revision, expiresAtMs: row.expires_at_ms }
      : null;
    return { revision: this.revision(), epochMadeAtMs: this.epochs()[0]?.madeAtMs ?? null, published };
  }

  publishedList(): PublishedList | null {
    const row = this.#get<ListRow>('SELECT * FROM list');
    if (row === undefined) return null;
    const { version, revision, token, expires_at_ms } = row;
    return { version, revision, token, expiresAtMs: expires_at_ms };
  }

  /** Call it within a transaction. */
  apply(record: StoreRecord): void {
    switch (record.kind) {
      case 'user':
        this.#applyUser(record.user, record.inviteHash);
        return;
      case 'invite': {
        const { hash, kind, createdAtMs, expiresAtMs, usedBy } = record.invite;
        const columns = '(hash, kind, created_at_ms, expires_at_ms, used_by)';
        const sql = `INSERT OR REPLACE INTO invites ${columns} VALUES (?, ?, ?, ?, ?)`;
        this.#prepare(sql).run(hash, kind, createdAtMs, expiresAtMs, usedBy);
        return;
      }
      case 'supernode': {
        const { keyId, entry, status, updatedAtMs, admittedAtMs } = record.supernode;
        const sql = 'INSERT OR REPLACE INTO supernodes VALUES (?, ?, ?, ?, ?)';
        this.#prepare(sql).run(keyId, JSON.stringify(entry), status, updatedAtMs, admittedAtMs);
        this.#setRevision(record.revision);
        return;
      }
      case 'revocation': {
        const { identity, device } = record.device;
        const sql = 'INSERT OR REPLACE INTO revocations VALUES (?, ?, ?)';
        this.#prepare(sql).run(identity, device, record.revokedAtMs);
        this.#setRevision(record.revision);
        return;
      }
      case 'epochs':
        this.#prepare('DELETE FROM epochs').run();
        for (const { closedAtMs, madeAtMs, seed } of record.epochs)
          this.#prepare('INSERT INTO epochs VALUES (?, ?, ?)').run(closedAtMs, madeAtMs, seed);
        this.#setRevision(record.revision);
        return;
      case 'list': {
        const { version, revision, token, expiresAtMs } = record.list;
        const sql = 'INSERT OR REPLACE INTO list VALUES (1, ?, ?, ?, ?)';
        this.#prepare(sql).run(version, revision, token, expiresAtMs);
      }
    }
  }

  /** As if nothing had ever been applied. */
  clear(): void {
    transaction(this.database, () => {
      for (const table of ['users', 'invites', 'supernodes', 'revocations', 'epochs', 'list'])
        this.database.exec(`DELETE FROM ${table}`);
      this.database.exec('UPDATE content SET revision = 1');
    });
  }

  #applyUser({ name, skeleton, keyId, key, createdAtMs }: User, inviteHash: string | null): void {
    const sql = 'INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?, ?)';
    this.#prepare(sql).run(name, skeleton, keyId, key.x, createdAtMs);
    if (inviteHash !== null)
      this.#prepare('UPDATE invites SET used_by = ? WHERE hash = ?').run(name, inviteHash);
  }

  #setRevision(revision: number): void {
    this.#prepare('UPDATE content SET revision = max(revision, ?)').run(revision);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
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

function asInvite(row: InviteRow): StoredInvite {
  return {
    hash: row.hash,
    kind: row.kind,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    usedBy: row.used_by,
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

import { DatabaseSync } from 'node:sqlite';
import { OvercallError } from '@overcall/wire';

/** Marks the file as ours (SQLite file format, 1.3, offset 68): "OcDr". */
const APPLICATION_ID = 0x4f634472;

/** One entry for each version of the schema: what leads to it from the one before. Never change one, add one. */
const MIGRATIONS = [
  `
  CREATE TABLE users (
    name TEXT PRIMARY KEY,
    skeleton TEXT NOT NULL UNIQUE,
    key_id TEXT NOT NULL UNIQUE,
    key_x TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE invites (
    hash TEXT PRIMARY KEY,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_by TEXT
  ) STRICT;
  CREATE TABLE supernodes (
    key_id TEXT PRIMARY KEY,
    entry TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('admitted', 'pending', 'removed')),
    updated_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE revocations (
    identity TEXT NOT NULL,
    device TEXT NOT NULL,
    revoked_at_ms INTEGER NOT NULL,
    PRIMARY KEY (identity, device)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE content (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
  ) STRICT;
  INSERT INTO content VALUES (1, 1);
  CREATE TABLE list (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    token TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE supernodes ADD COLUMN admitted_at_ms INTEGER;
  UPDATE supernodes SET admitted_at_ms = updated_at_ms WHERE status = 'admitted';
  CREATE TABLE epochs (
    closed_at_ms INTEGER PRIMARY KEY,
    made_at_ms INTEGER NOT NULL,
    seed TEXT NOT NULL
  ) STRICT;
  UPDATE content SET revision = revision + 1;
  `,
  // A CHECK cannot be changed in place.
  `
  CREATE TABLE supernodes_new (
    key_id TEXT PRIMARY KEY,
    entry TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('admitted', 'pending', 'left', 'removed')),
    updated_at_ms INTEGER NOT NULL,
    admitted_at_ms INTEGER
  ) STRICT;
  INSERT INTO supernodes_new SELECT key_id, entry, status, updated_at_ms, admitted_at_ms FROM supernodes;
  DROP TABLE supernodes;
  ALTER TABLE supernodes_new RENAME TO supernodes;
  ALTER TABLE invites ADD COLUMN kind TEXT NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'supernode'));
  `,
];

/** Opens (and where needed makes or upgrades) the database. `:memory:` is good for tests. */
export function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 5000 });
    // FULL: a commit is on the disk before it is answered (sqlite.org/pragma.html#pragma_synchronous).
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    migrate(database, file);
    return database;
  } catch (cause) {
    database?.close();
    if (cause instanceof OvercallError) throw cause;
    const reason = (cause as Error).message;
    throw new OvercallError('database-unusable', `database ${file} cannot be used: ${reason}`, { cause });
  }
}

function migrate(database: DatabaseSync, file: string): void {
  database.exec('BEGIN IMMEDIATE');
  const version = pragma(database, 'user_version');
  const isOurs = pragma(database, 'application_id') === APPLICATION_ID;
  const tables = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number };
  if (!isOurs && tables.n > 0) {
    throw new OvercallError('database-unusable', `${file} is not a database of an Overcall directory`);
  }
  if (version > MIGRATIONS.length) {
    throw new OvercallError('database-unusable', `${file} was written by a newer overcall-directory`, {
      remedy: 'upgrade this one',
    });
  }
  for (const step of MIGRATIONS.slice(version)) database.exec(step);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length};`);
  database.exec('COMMIT');
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

/** Runs `work` as one write transaction: all of it or nothing. */
export function transaction<Result>(database: DatabaseSync, work: () => Result): Result {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { OvercallError } from '@overcall/wire';
import type { Home } from './home.ts';

/** So many are kept of one person and in all, the newest. */
const BOUNDS = { ofOne: 1000, inAll: 10_000 };

const FILE = 'messages.sqlite';
/** Another softphone of this user may be writing, ms. */
const PATIENCE_MS = 5000;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY,
    peer TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('incoming', 'outgoing')),
    id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('received', 'seen', 'sent', 'delivered', 'failed')),
    UNIQUE (peer, direction, id)
  ) STRICT;
`;

export interface StoredMessage {
  peer: string;
  direction: 'incoming' | 'outgoing';
  id: string;
  /** ms since 1970 */
  at: number;
  text: string;
  /** `sent`: on its way, or the softphone ended before it knew. */
  state: 'received' | 'seen' | 'sent' | 'delivered' | 'failed';
}

/**
 * Text messages in the home. A database rather than a file of JSON: several softphones of one user write at once, and what
 * was written is on the disk when that is said.
 */
export class MessageStore {
  readonly #home: Home;
  readonly #bounds: typeof BOUNDS;
  #opened: DatabaseSync | null = null;

  constructor(home: Home, bounds = BOUNDS) {
    this.#home = home;
    this.#bounds = bounds;
  }

  /** Opened when it is first needed: most softphones never do. */
  get #database(): DatabaseSync {
    this.#opened ??= open(this.#home);
    return this.#opened;
  }

  /** True when it was not there yet. On the disk when this returns. */
  add(message: StoredMessage): boolean {
    const { peer, direction, id, at, text, state } = message;
    return this.#writing(() => {
      const added = this.#database
        .prepare(
          'INSERT INTO messages (peer, direction, id, at_ms, text, state) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
        )
        .run(peer, direction, id, at, text, state);
      if (added.changes === 0) return false;
      this.#trim('peer = ?', this.#bounds.ofOne, peer);
      this.#trim('true', this.#bounds.inAll);
      return true;
    });
  }

  #trim(which: string, keep: number, ...values: string[]): void {
    this.#database
      .prepare(
        `DELETE FROM messages WHERE number IN
          (SELECT number FROM messages WHERE ${which} ORDER BY number DESC LIMIT -1 OFFSET ${keep})`,
      )
      .run(...values);
  }

  /** What became of a message that was sent. */
  settle(id: string, state: 'delivered' | 'failed'): void {
    this.#writing(() =>
      this.#database
        .prepare("UPDATE messages SET state = ? WHERE id = ? AND direction = 'outgoing'")
        .run(state, id),
    );
  }

  /** Somebody has looked at what this person wrote; without a name, at everything. */
  markSeen(peer: string | null): void {
    this.#writing(() =>
      this.#database
        .prepare("UPDATE messages SET state = 'seen' WHERE state = 'received' AND peer = coalesce(?, peer)")
        .run(peer),
    );
  }

  /** The newest ones, oldest first; with a name, those from and to this person. */
  list(peer: string | null, limit: number): StoredMessage[] {
    return this.#reading(
      () =>
        this.#database
          .prepare(
            `SELECT peer, direction, id, at_ms AS at, text, state FROM messages
              WHERE peer = coalesce(?, peer) ORDER BY number DESC LIMIT ?`,
          )
          .all(peer, limit)
          .reverse() as unknown as StoredMessage[],
    );
  }

  /** How many nobody has looked at, by who wrote them. */
  unseen(): Map<string, number> {
    const rows = this.#reading(() =>
      this.#database
        .prepare("SELECT peer, count(*) AS n FROM messages WHERE state = 'received' GROUP BY peer")
        .all(),
    );
    return new Map(rows.map(({ peer, n }) => [String(peer), Number(n)]));
  }

  close(): void {
    this.#opened?.close();
    this.#opened = null;
  }

  #writing<Result>(work: () => Result): Result {
    return this.#reading(() => {
      const database = this.#database;
      database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  #reading<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (cause) {
      const path = join(this.#home.dataDir, FILE);
      throw new OvercallError('messages-unusable', `${path} cannot be used: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
}

function open({ dataDir }: Home): DatabaseSync {
  const path = join(dataDir, FILE);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  // SQLite's own files take their rights from this one.
  closeSync(openSync(path, 'a', 0o600));
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const database = new DatabaseSync(path, { timeout: PATIENCE_MS });
  // On the disk before it is answered (sqlite.org/pragma.html#pragma_synchronous).
  database.exec(`PRAGMA synchronous = FULL; ${SCHEMA}`);
  return database;
}

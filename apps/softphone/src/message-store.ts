import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { makePrivateFolder } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import { DiskLog } from './disk-log.ts';
import type { Home } from './home.ts';

/** So many are kept of one person and in all, the newest. */
const BOUNDS = { ofOne: 1000, inAll: 10_000 };

const FILE = 'messages.sqlite';
/** Another softphone of this user may be writing: a write is tried again so far apart, and so long, ms. */
const RETRY_MS = 10;
const PATIENCE_MS = 5000;
/** Who reads waits for nobody but one who opens or closes the file; then so long at the most, ms. */
const READ_PATIENCE_MS = 250;
const FOR_THE_DISK = 'let this user write there, and look whether the disk is full';
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
 *
 * Nothing here keeps a call waiting for a disk. A write goes to SQLite's log (WAL) without waiting, and is brought to the disk
 * beside the event loop (`DiskLog`); while another process writes it is tried again later. What is to be written is seen by
 * readers at once as a rule, and after the promise in any case.
 */
export class MessageStore {
  readonly #home: Home;
  readonly #bounds: typeof BOUNDS;
  #opened: DatabaseSync | null = null;
  #log: DiskLog | null = null;
  /** The last one of the writes that wait for their turn. */
  #lastWaiting: Promise<unknown> | null = null;

  constructor(home: Home, bounds = BOUNDS) {
    this.#home = home;
    this.#bounds = bounds;
  }

  /** Opened when it is first needed: most softphones never do. */
  get #database(): DatabaseSync {
    this.#opened ??= open(this.#home);
    return this.#opened;
  }

  /** True when it was not there yet. On the disk when this resolves. @throws OvercallError `messages-unusable`, at once if it can */
  add(message: StoredMessage): Promise<boolean> {
    const { peer, direction, id, at, text, state } = message;
    const written = this.#write(() => {
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
    return this.#onDisk(written);
  }

  async #onDisk<Result>(written: Promise<Result>): Promise<Result> {
    const result = await written;
    this.#log ??= new DiskLog(this.#path);
    await this.#log.flush();
    return result;
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
  settle(id: string, state: 'delivered' | 'failed'): Promise<unknown> {
    return this.#write(() =>
      this.#database
        .prepare("UPDATE messages SET state = ? WHERE id = ? AND direction = 'outgoing'")
        .run(state, id),
    );
  }

  /** Somebody has looked at what this person wrote; without a name, at everything. */
  async markSeen(peer: string | null): Promise<unknown> {
    if (this.isEmpty) return;
    return this.#write(() =>
      this.#database
        .prepare("UPDATE messages SET state = 'seen' WHERE state = 'received' AND peer = coalesce(?, peer)")
        .run(peer),
    );
  }

  /** Nothing was ever written or received here, and looking is no reason to begin. */
  get isEmpty(): boolean {
    return this.#opened === null && !existsSync(this.#path);
  }

  /** The newest ones, oldest first; with a name, those from and to this person. */
  list(peer: string | null, limit: number): StoredMessage[] {
    if (this.isEmpty) return [];
    return this.#orUnusable(
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
    if (this.isEmpty) return new Map();
    const rows = this.#orUnusable(() =>
      this.#database
        .prepare("SELECT peer, count(*) AS n FROM messages WHERE state = 'received' GROUP BY peer")
        .all(),
    );
    return new Map(rows.map(({ peer, n }) => [String(peer), Number(n)]));
  }

  /** After what is still to be written. */
  async close(): Promise<void> {
    await this.#lastWaiting?.catch(() => {});
    await this.#log?.close();
    this.#opened?.close();
    this.#opened = null;
    this.#log = null;
  }

  /** At once if it is nobody else's turn, else after those before it. */
  #write<Result>(work: () => Result): Promise<Result> {
    const written = this.#lastWaiting === null ? this.#attempt(work) : null;
    if (written !== null) return Promise.resolve(written.result);
    const waiting = (this.#lastWaiting ?? Promise.resolve()).catch(() => {}).then(() => this.#insist(work));
    this.#lastWaiting = waiting;
    const forget = () => {
      if (this.#lastWaiting === waiting) this.#lastWaiting = null;
    };
    waiting.then(forget, forget);
    return waiting;
  }

  async #insist<Result>(work: () => Result): Promise<Result> {
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += RETRY_MS) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      const written = this.#attempt(work);
      if (written !== null) return written.result;
    }
    throw this.#unusable(new Error('another program holds it'), 'end that one, or try again');
  }

  /** Null while another softphone writes. */
  #attempt<Result>(work: () => Result): { result: Result } | null {
    return this.#orUnusable(() => {
      try {
        return { result: this.#transaction(work) };
      } catch (error) {
        if (isBusy(error)) return null;
        throw error;
      }
    });
  }

  #transaction<Result>(work: () => Result): Result {
    const database = this.#database;
    database.exec('PRAGMA busy_timeout = 0');
    try {
      database.exec('BEGIN IMMEDIATE');
      const result = work();
      database.exec('COMMIT');
      return result;
    } finally {
      if (database.isTransaction) database.exec('ROLLBACK');
      database.exec(`PRAGMA busy_timeout = ${READ_PATIENCE_MS}`);
    }
  }

  get #path(): string {
    return join(this.#home.dataDir, FILE);
  }

  #orUnusable<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (cause) {
      throw this.#unusable(cause as Error);
    }
  }

  #unusable(cause: Error, whatToDo?: string): OvercallError {
    // Whoever is told to move away what a full disk keeps from being written loses messages for nothing.
    const remedy = whatToDo ?? (isDamaged(cause) ? undefined : FOR_THE_DISK);
    const message = `${this.#path} cannot be used: ${cause.message}`;
    return new OvercallError('messages-unusable', message, {
      cause,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

/** sqlite.org/rescode.html: SQLITE_BUSY and SQLITE_LOCKED, whatever the extended code. */
function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && [5, 6].includes(errcode & 0xff);
}

/** SQLITE_CORRUPT and SQLITE_NOTADB; SQLITE_ERROR where its tables are others. All others are of the disk, or of rights. */
function isDamaged(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && [1, 11, 26].includes(errcode & 0xff);
}

function open({ dataDir }: Home): DatabaseSync {
  const path = join(dataDir, FILE);
  makePrivateFolder(dataDir);
  // SQLite's own files take their rights from this one.
  closeSync(openSync(path, 'a', 0o600));
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const database = new DatabaseSync(path, { timeout: READ_PATIENCE_MS });
  try {
    const mode = database.prepare('PRAGMA journal_mode = WAL').get();
    // In the log what is written is brought to the disk by DiskLog; a file system that has no log waits for the disk each time.
    const isLogged = mode?.journal_mode === 'wal';
    database.exec(`PRAGMA synchronous = ${isLogged ? 'NORMAL' : 'FULL'}; ${SCHEMA}`);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

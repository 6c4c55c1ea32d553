import type { KeyId } from '@overcall/identity';
import { transaction } from '../sqlite-schema.ts';
import type { StoreTables } from '../store-tables.ts';
import { type DirectoryRecord, decodeRecord, type ListRecord } from './record-codec.ts';
import type { Following, LoggedRecord, RecordLog, TokenShelf } from './record-log.ts';

/** Steps that are remembered, to know one's own among what was read. */
const MAX_STEPS = 1000;
/** Before the log is followed again after it could not be, ms. */
const PAUSE_MS = 200;

/** The copy of the log in this process: applies record after record as they come. */
export class Replica {
  readonly tables: StoreTables;
  readonly #log: RecordLog;
  readonly #shelf: TokenShelf;
  /** Of the last record that was applied. */
  sequence = 0;
  directory: DirectoryRecord | null = null;
  /** Of the list that is in the tables. */
  listTokenId: string | null = null;
  /** While all is read again because a restore went on unseen. */
  isReloading = false;
  #ownKeyId: KeyId | null = null;
  readonly #steps = new Set<string>();
  readonly #waiting = new Set<{ sequence: number; resolve: () => void }>();
  readonly #onTrouble: (error: Error) => void;
  #following: Following | null = null;
  #isStopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(log: RecordLog, shelf: TokenShelf, tables: StoreTables, onTrouble: (error: Error) => void) {
    this.#log = log;
    this.#shelf = shelf;
    this.tables = tables;
    this.#onTrouble = onTrouble;
  }

  start(): void {
    this.#loop = this.#followForever();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#following?.stop();
    await this.#loop;
  }

  /** Follows anew: for when nothing comes although there is something. */
  follow(): void {
    this.#following?.stop();
  }

  claim(keyId: KeyId): void {
    this.#ownKeyId = keyId;
  }

  /** Whether these are the records of the directory that this process signs for (or only looks at). */
  get isOwn(): boolean {
    return this.#ownKeyId === null || this.directory?.keyId === this.#ownKeyId;
  }

  hasTaken(step: string): boolean {
    return this.#steps.has(step);
  }

  /** Kept when everything up to that record is applied; broken when that takes longer, ms. */
  reach(sequence: number, patienceMs: number): Promise<void> {
    if (this.sequence >= sequence) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiting = {
        sequence,
        resolve: () => {
          clearTimeout(timer);
          this.#waiting.delete(waiting);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        reject(new Error(`the records of the store did not come within ${patienceMs} ms`));
      }, patienceMs);
      this.#waiting.add(waiting);
    });
  }

  async #followForever(): Promise<void> {
    while (!this.#isStopped) {
      this.#following = this.#log.follow(this.sequence + 1, (record) => this.#take(record));
      const error = await this.#following.ended;
      if (error !== null && !this.#isStopped) this.#onTrouble(error);
      if (!this.#isStopped) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #take({ sequence, data }: LoggedRecord): Promise<void> {
    if (sequence <= this.sequence || this.#isStopped) return;
    const envelope = decodeRecord(data);
    if (envelope?.record.kind === 'directory') {
      if (this.#mustReload(envelope.record)) return;
    } else if (envelope?.record.kind === 'list') {
      await this.#takeList(envelope.record);
    } else if (envelope !== null) {
      const { record } = envelope;
      transaction(this.tables.database, () =>
        this.tables.apply(record as Exclude<typeof record, ListRecord | DirectoryRecord>),
      );
    }
    if (envelope !== null) this.#remember(envelope.step);
    this.sequence = sequence;
    for (const waiting of this.#waiting) if (waiting.sequence <= sequence) waiting.resolve();
  }

  /**
   * A restore begins by clearing the log and saying so: what was before is forgotten here too. When that was missed (the
   * beginning is overwritten by the end), all is read again.
   */
  #mustReload(record: DirectoryRecord): boolean {
    const before = this.directory;
    this.directory = record;
    if (record.isLoading) {
      this.tables.clear();
      this.listTokenId = null;
    } else if (before !== null && before.generation !== record.generation) {
      this.tables.clear();
      this.listTokenId = null;
      this.sequence = 0;
      this.isReloading = true;
      this.#following?.stop();
      return true;
    } else {
      this.isReloading = false;
    }
    return false;
  }

  /** A token that is gone belongs to a list after which another one came: that will follow. */
  async #takeList({ list, tokenId }: ListRecord): Promise<void> {
    const token = await this.#shelf.get(tokenId);
    if (token === null) return;
    this.tables.apply({ kind: 'list', list: { ...list, token } });
    this.listTokenId = tokenId;
  }

  #remember(step: string): void {
    this.#steps.add(step);
    if (this.#steps.size > MAX_STEPS) this.#steps.delete(this.#steps.values().next().value!);
  }
}

import { randomBytes } from 'node:crypto';
import type { KeyId } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import { refusal } from '../api-error.ts';
import type { Decision, Ledger } from '../ruled-store.ts';
import type { StoreRecord } from '../store-record.ts';
import type { StoreTables } from '../store-tables.ts';
import { encodeRecord, FORMAT } from './record-codec.ts';
import type { RecordLog, TokenShelf } from './record-log.ts';
import { Replica } from './replica.ts';
import { SharedTurn } from './shared-turn.ts';

/** A step that others were faster than so often is refused: there are more writers than the log takes. */
const MAX_TRIES = 20;
/** Steps that wait for their turn. */
const MAX_WAITING = 1000;
/** How often a log that did not answer is asked whether it does again, ms. */
const PROBE_MS = 1000;
/** Without an answer for so long the log counts as lost, ms, where nothing else is said. */
const PATIENCE_MS = 3000;

export interface LedgerOptions {
  patienceMs?: number;
  /** Records could not be read, or not be applied; it is tried again. */
  onTrouble?: (error: Error) => void;
  /** The log does not answer; it is asked until it does. */
  onLost?: (error: Error) => void;
  onBack?: () => void;
}

/**
 * A ledger that several processes share. Each keeps a copy of all records in memory, decides on that, and appends what it
 * decided under the condition that nothing was appended since: then the copy was the newest, and the decision stands as if
 * there were one process. Otherwise it reads on and decides again. While the log is lost, reads answer from memory, and
 * writes are refused.
 */
export class LogLedger implements Ledger {
  readonly #log: RecordLog;
  readonly #shelf: TokenShelf;
  readonly #replica: Replica;
  readonly #refreshing = new SharedTurn(() => this.#catchUp());
  readonly #options: LedgerOptions;
  readonly #patienceMs: number;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isLost = false;
  #probe: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(log: RecordLog, shelf: TokenShelf, tables: StoreTables, options: LedgerOptions = {}) {
    this.#log = log;
    this.#shelf = shelf;
    this.#replica = new Replica(log, shelf, tables, (error) => options.onTrouble?.(error));
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /** Reads the whole log. @throws OvercallError `store-unusable` */
  async open(): Promise<void> {
    this.#replica.start();
    await this.#load(await within(this.#log.lastSequence(), this.#patienceMs));
    const { directory } = this.#replica;
    if (directory !== null && directory.format > FORMAT) {
      throw new OvercallError('store-unusable', 'the store was written by a newer overcall-directory', {
        remedy: 'upgrade this one',
      });
    }
    if (directory?.isLoading === true) {
      throw new OvercallError('store-unusable', 'a restore into the store has not come to its end', {
        remedy: 'let it, or repeat it with --force',
      });
    }
  }

  /** Many records take their time, but some come all the time. */
  async #load(sequence: number): Promise<void> {
    for (let before = -1; this.#replica.sequence < sequence; ) {
      if (this.#replica.sequence === before) {
        throw new OvercallError('store-unreachable', 'the store does not hand out its records');
      }
      before = this.#replica.sequence;
      await this.#replica.reach(sequence, 2 * this.#patienceMs).catch(() => {});
    }
  }

  /** Whose directory is in the log; null while there is none. */
  get keyId(): KeyId | null {
    return this.#replica.directory?.keyId ?? null;
  }

  get tables(): StoreTables {
    return this.#replica.tables;
  }

  /** Makes this the log of a directory with that key. @throws OvercallError `store-other-key` when it is another's */
  async claim(keyId: KeyId): Promise<void> {
    if (this.keyId === null) {
      const generation = randomBytes(8).toString('hex');
      const record = { kind: 'directory', format: FORMAT, keyId, generation, isLoading: false } as const;
      // Another process may be faster, and have another key; or the answer is lost: what is in the log then decides.
      await this.#log.append(encodeRecord({ step: newStep(), record }), 0).catch(() => {});
      await this.#refreshing.next();
      if (this.keyId === null) throw unavailable();
    }
    this.#replica.claim(keyId);
    if (this.keyId !== keyId) throw otherKey();
  }

  whileConnected<Value>(promise: Promise<Value>): Promise<Value> {
    return this.#log.whileConnected(promise);
  }

  write<Outcome>(decide: (tables: StoreTables) => Decision<Outcome>): Promise<Outcome> {
    if (this.#waiting >= MAX_WAITING) return Promise.reject(unavailable());
    this.#waiting++;
    const mine = this.#turn.then(() => this.#write(decide)).finally(() => this.#waiting--);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async read<Value>(
    look: (tables: StoreTables) => Value,
    isFinal: (value: Value) => boolean = () => false,
  ): Promise<Value> {
    this.#requireLoaded();
    const known = look(this.#replica.tables);
    if (isFinal(known) || !this.isUsable) return known;
    await this.#refreshing.next().catch((error) => this.#lose(error));
    this.#requireLoaded();
    return look(this.#replica.tables);
  }

  async ping(): Promise<void> {
    if (!this.isUsable) throw unavailable();
    await this.#refreshing.next();
    this.#requireLoaded();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#probe !== null) clearTimeout(this.#probe);
    await this.#turn;
    await this.#replica.stop();
    await this.#log.close();
  }

  /** Whether it is worth asking the log. */
  get isUsable(): boolean {
    return !this.#isLost && this.#log.isConnected;
  }

  /** What is in memory is not (or no longer) the directory that this process signs for. */
  #requireLoaded(): void {
    if (this.#replica.directory?.isLoading !== false || !this.#replica.isOwn || this.#replica.isReloading)
      throw unavailable();
  }

  async #write<Outcome>(decide: (tables: StoreTables) => Decision<Outcome>): Promise<Outcome> {
    if (!this.isUsable) throw unavailable();
    let isNewest = false;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      this.#requireLoaded();
      const { tables, sequence } = this.#replica;
      const { outcome, record } = decide(tables);
      if (record === null && isNewest) return outcome;
      try {
        if (record !== null && (await this.#append(record, sequence))) return outcome;
        // Nothing to write, as far as is known here; or another process was faster.
        await this.#refreshing.next();
      } catch (error) {
        throw this.#lose(error);
      }
      isNewest = this.#replica.sequence === sequence;
    }
    throw refusal('overloaded', 'too many changes at once');
  }

  /** False when others were faster. Kept when this process has read its own record, as every other one. */
  async #append(record: StoreRecord, afterSequence: number): Promise<boolean> {
    const step = newStep();
    let tokenId: string | null = null;
    try {
      if (record.kind === 'list') {
        const { token, ...list } = record.list;
        tokenId = `${list.version}-${step}`;
        await this.#shelf.put(tokenId, token);
        const envelope = { step, record: { kind: 'list', list, tokenId } } as const;
        return await this.#appendEncoded(encodeRecord(envelope), afterSequence, tokenId);
      }
      return await this.#appendEncoded(encodeRecord({ step, record }), afterSequence, null);
    } catch (error) {
      // It may have got through, and only the answer was lost.
      await this.#refreshing.next();
      if (this.#replica.hasTaken(step)) return true;
      throw error;
    }
  }

  async #appendEncoded(
    record: { subject: string; data: string },
    afterSequence: number,
    tokenId: string | null,
  ): Promise<boolean> {
    const before = this.#replica.listTokenId;
    const sequence = await this.#log.append(record, afterSequence);
    // One of the two tokens is of no more use; what is left by a failure expires.
    const useless = sequence === null ? tokenId : before;
    if (tokenId !== null && useless !== null) this.#shelf.drop(useless).catch(() => {});
    if (sequence === null) return false;
    await this.#reach(sequence);
    return true;
  }

  async #catchUp(): Promise<void> {
    const sequence = await within(this.#log.lastSequence(), this.#patienceMs);
    await this.#reach(sequence).catch((error) => {
      // Whatever keeps it from coming: followed anew.
      this.#replica.follow();
      throw error;
    });
  }

  #reach(sequence: number): Promise<void> {
    return this.#log.whileConnected(this.#replica.reach(sequence, this.#patienceMs));
  }

  /** Notes that the log does not answer, and looks whether it is back; returns the refusal for who has waited. */
  #lose(cause: unknown): OvercallError {
    if (cause instanceof OvercallError) return cause;
    if (!this.#isLost && !this.#isClosed) {
      this.#isLost = true;
      this.#options.onLost?.(cause as Error);
      this.#probeLater();
    }
    return unavailable(cause);
  }

  #probeLater(): void {
    this.#probe = setTimeout(async () => {
      try {
        await this.#refreshing.next();
        this.#isLost = false;
        this.#options.onBack?.();
      } catch {
        if (!this.#isClosed) this.#probeLater();
      }
    }, PROBE_MS);
    this.#probe.unref();
  }
}

function newStep(): string {
  return randomBytes(12).toString('base64url');
}

function unavailable(cause?: unknown): OvercallError {
  const message = 'the directory cannot reach its store at the moment';
  return cause === undefined
    ? refusal('overloaded', message)
    : new OvercallError('overloaded', message, { cause });
}

function otherKey(): OvercallError {
  return new OvercallError('store-other-key', 'the store belongs to a directory with another key');
}

/** Not for ever: what comes later is found by reading on. */
async function within<Value>(promise: Promise<Value>, patienceMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

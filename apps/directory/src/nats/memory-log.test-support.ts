import type { Following, LoggedRecord, RecordLog, TokenShelf } from './record-log.ts';

interface Kept extends LoggedRecord {
  subject: string;
}

/** What several processes share, without a server: keeps the newest record of each subject, and can be made to fail. */
export class MemoryStream {
  records: Kept[] = [];
  last = 0;
  readonly tokens = new Map<string, string>();
  readonly followers = new Set<() => void>();

  put(subject: string, data: string): number {
    this.last++;
    this.records = this.records.filter((record) => record.subject !== subject);
    this.records.push({ sequence: this.last, subject, data });
    for (const wake of this.followers) wake();
    return this.last;
  }
}

/** How often something goes wrong, of 1; `random` decides. */
export interface Faults {
  random: () => number;
  /** The record is kept, the answer lost. */
  lostAnswer: number;
  /** Turns of the event loop that a record takes on its way at most. */
  delay: number;
}

const NO_FAULTS: Faults = { random: () => 1, lostAnswer: 0, delay: 0 };

/** The view that one process has of it. */
export class MemoryLog implements RecordLog, TokenShelf {
  readonly #stream: MemoryStream;
  readonly #faults: Faults;
  isConnected = true;

  constructor(stream: MemoryStream, faults: Faults = NO_FAULTS) {
    this.#stream = stream;
    this.#faults = faults;
  }

  async append({ subject, data }: { subject: string; data: string }, after: number): Promise<number | null> {
    await this.#pass();
    if (this.#stream.last !== after) return null;
    const sequence = this.#stream.put(subject, data);
    await this.#pass();
    if (this.#faults.random() < this.#faults.lostAnswer) throw new Error('the answer is lost');
    return sequence;
  }

  async add({ subject, data }: { subject: string; data: string }): Promise<number> {
    return this.#stream.put(subject, data);
  }

  async lastSequence(): Promise<number> {
    await this.#pass();
    return this.#stream.last;
  }

  follow(fromSequence: number, take: (record: LoggedRecord) => Promise<void>): Following {
    let next = fromSequence;
    let isStopped = false;
    let wake = () => {};
    const run = async () => {
      while (!isStopped) {
        const record = this.#stream.records.find(({ sequence }) => sequence >= next);
        if (record === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            this.#stream.followers.add(wake);
          });
          this.#stream.followers.delete(wake);
          continue;
        }
        await this.#pass();
        next = record.sequence + 1;
        await take(record);
      }
      return null;
    };
    return {
      ended: run().catch((error: Error) => error),
      stop: () => {
        isStopped = true;
        wake();
      },
    };
  }

  async clear(beforeSequence: number): Promise<void> {
    this.#stream.records = this.#stream.records.filter(({ sequence }) => sequence >= beforeSequence);
  }

  async put(id: string, token: string): Promise<void> {
    this.#stream.tokens.set(id, token);
  }

  async get(id: string): Promise<string | null> {
    return this.#stream.tokens.get(id) ?? null;
  }

  async drop(id: string): Promise<void> {
    this.#stream.tokens.delete(id);
  }

  whileConnected<Value>(promise: Promise<Value>): Promise<Value> {
    return promise;
  }

  async close(): Promise<void> {
    this.isConnected = false;
  }

  async #pass(): Promise<void> {
    const turns = Math.floor(this.#faults.random() * this.#faults.delay);
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
  }
}

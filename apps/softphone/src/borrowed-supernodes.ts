import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@overcall/cli';
import type { Attachment } from './attachment.ts';
import type { SupernodeListStore } from './supernode-list-store.ts';
import type { SupernodePool } from './supernode-pool.ts';

/** A supernode that a call needs is tried so often, so far apart, ms. */
const ATTEMPTS = 4;
const RETRY_MS = 700;
/** One that nobody needs any more is kept for so long, ms: the next route may want it. */
const REST_MS = 2000;

/** Attachments that calls need for a while, beside those that the softphone has anyway. */
export class BorrowedSupernodes {
  readonly #pool: SupernodePool;
  readonly #store: SupernodeListStore;
  readonly #log: Logger;
  readonly #holders = new Map<string, number>();
  /** Those that are attached for this alone. */
  readonly #opened = new Set<string>();

  constructor(pool: SupernodePool, store: SupernodeListStore, log: Logger) {
    this.#pool = pool;
    this.#store = store;
    this.#log = log;
  }

  /** Attaches to a supernode of the list, unless we are; to be given back. Null when it cannot be had. */
  async borrow(supernodeId: string): Promise<Attachment | null> {
    this.#holders.set(supernodeId, this.#holdersOf(supernodeId) + 1);
    for (let attempt = 1; ; attempt++) {
      const there = this.#pool.get(supernodeId);
      if (there !== undefined) return there;
      const entry = this.#store.byId.get(supernodeId);
      if (entry === undefined || this.#holdersOf(supernodeId) === 0) return null;
      try {
        this.#opened.add(supernodeId);
        return await this.#pool.attach(entry);
      } catch (error) {
        this.#log.debug({ supernode: entry.name, error: String(error) }, 'a supernode for a call');
      }
      if (attempt === ATTEMPTS) return null;
      await delay(RETRY_MS, undefined, { ref: false });
    }
  }

  #holdersOf(supernodeId: string): number {
    return this.#holders.get(supernodeId) ?? 0;
  }

  giveBack(supernodeId: string): void {
    const left = this.#holdersOf(supernodeId) - 1;
    if (left > 0) {
      this.#holders.set(supernodeId, left);
      return;
    }
    this.#holders.delete(supernodeId);
    setTimeout(() => this.#leave(supernodeId), REST_MS).unref();
  }

  #leave(supernodeId: string): void {
    if (this.#holders.has(supernodeId) || !this.#opened.delete(supernodeId)) return;
    this.#pool.leave(supernodeId);
  }
}

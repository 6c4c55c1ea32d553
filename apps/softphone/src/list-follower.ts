import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@overcall/cli';
import type { SupernodeEntry } from '@overcall/identity';
import { fetchListFrom } from '@overcall/net';
import type { SupernodeListStore } from './supernode-list-store.ts';

/** Everybody hears of a new list at once, and fetches it at some moment of this span, ms. */
const SPREAD_MS = 5000;
/** A supernode that does not give its list is asked so often, each time after up to twice the time. */
const ATTEMPTS = 4;

/** Fetches newer supernode lists from the supernodes that have them: the directory may be away. */
export class ListFollower {
  readonly #store: Pick<SupernodeListStore, 'version' | 'offer'>;
  readonly #log: Logger;
  readonly #onNewer: () => void;
  readonly #ended = new AbortController();
  /** Keys of supernodes that are being asked. */
  readonly #asked = new Set<string>();

  constructor(store: Pick<SupernodeListStore, 'version' | 'offer'>, log: Logger, onNewer: () => void) {
    this.#store = store;
    this.#log = log;
    this.#onNewer = onNewer;
  }

  /** A supernode says that it has this version; `isNews` when it says so to everybody. */
  handleVersion(entry: SupernodeEntry, version: number, isNews: boolean): void {
    if (version <= this.#store.version || this.#asked.has(entry.key.x) || this.#ended.signal.aborted) return;
    this.#asked.add(entry.key.x);
    void this.#fetch(entry, version, isNews ? SPREAD_MS : 0).finally(() => this.#asked.delete(entry.key.x));
  }

  async #fetch(entry: SupernodeEntry, version: number, firstSpreadMs: number): Promise<void> {
    let spreadMs = firstSpreadMs;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (!(await this.#wait(spreadMs)) || version <= this.#store.version) return;
      try {
        const list = await fetchListFrom({ address: entry.control[0]!, tlsSha256: entry.tlsSha256 });
        if (!this.#ended.signal.aborted && (await this.#store.offer(list))) this.#onNewer();
        return;
      } catch (error) {
        this.#log.warn({ supernode: entry.name, error: String(error) }, 'no supernode list from there');
      }
      spreadMs = Math.max(SPREAD_MS, spreadMs * 2);
    }
  }

  /** Up to `spreadMs`. False when there is nothing to wait for any more. */
  async #wait(spreadMs: number): Promise<boolean> {
    if (spreadMs === 0) return true;
    const options = { ref: false, signal: this.#ended.signal };
    return delay(randomInt(spreadMs), true, options).catch(() => false);
  }

  close(): void {
    this.#ended.abort();
  }
}

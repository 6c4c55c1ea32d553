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
/** What one supernode claims without telling a version is looked into so often at most, ms: a list may have 18 MB. */
const CLAIM_INTERVAL_MS = 60_000;
/** Supernodes whose claims are remembered for that. */
const MAX_CLAIMS = 64;

/** Fetches newer supernode lists from the supernodes that have them: the directory may be away. */
export class ListFollower {
  readonly #store: Pick<SupernodeListStore, 'version' | 'offer'>;
  readonly #log: Logger;
  readonly #onNewer: () => Promise<void>;
  readonly #ended = new AbortController();
  /** Keys of supernodes that are being asked. */
  readonly #asked = new Set<string>();
  /** When the last claim was looked into, by the key of the supernode. */
  readonly #claims = new Map<string, number>();

  constructor(
    store: Pick<SupernodeListStore, 'version' | 'offer'>,
    log: Logger,
    onNewer: () => Promise<void>,
  ) {
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
      if (await this.#take(entry)) return;
      spreadMs = Math.max(SPREAD_MS, spreadMs * 2);
    }
  }

  /** It says something that a newer list than ours would have to say. Resolves when that list is here, or is not to be had. */
  async handleClaim(entry: SupernodeEntry): Promise<void> {
    const nowMs = performance.now();
    const lastMs = this.#claims.get(entry.key.x);
    if (lastMs !== undefined && nowMs < lastMs + CLAIM_INTERVAL_MS) return;
    if (this.#ended.signal.aborted) return;
    this.#claims.delete(entry.key.x);
    this.#claims.set(entry.key.x, nowMs);
    if (this.#claims.size > MAX_CLAIMS) this.#claims.delete(this.#claims.keys().next().value!);
    await this.#take(entry);
  }

  /** Whether the supernode gave a list; what it gives counts only when the directory signed it and it is newer. */
  async #take(entry: SupernodeEntry): Promise<boolean> {
    try {
      const list = await fetchListFrom({ address: entry.control[0]!, tlsSha256: entry.tlsSha256 });
      if (!this.#ended.signal.aborted && (await this.#store.offer(list))) await this.#onNewer();
      return true;
    } catch (error) {
      this.#log.warn({ supernode: entry.name, error: String(error) }, 'no supernode list from there');
      return false;
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

import { randomBytes } from 'node:crypto';
import {
  type KeyId,
  type SigningPrivateKey,
  SUPERNODE_LIST_LIFETIME_S,
  SupernodeList,
  signObject,
} from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import { refusal } from './api-error.ts';
import { isEpochOver } from './index-epochs.ts';
import type { ListHead, PublishedList, Store } from './store.ts';

export interface Signer {
  key: SigningPrivateKey;
  keyId: KeyId;
}

/** Of an epoch of the presence index, bytes. */
const SEED_BYTES = 32;

/**
 * Keeps the signed supernode list up to date: signed again when what it says has changed, when the index is to have
 * a new epoch, or when less than half of its life is left. Asked by every request, it signs once for all that wait: a crowd of new supernodes costs
 * a few signatures, not one each.
 */
export class ListPublisher {
  readonly #store: Store;
  readonly #signer: Signer;
  readonly #now: () => number;
  #newest: PublishedList | null = null;
  #publishing: Promise<void> | null = null;

  constructor(store: Store, signer: Signer, now: () => number) {
    this.#store = store;
    this.#signer = signer;
    this.#now = now;
  }

  /**
   * The newest list; it holds whatever was in the store when this was called. One that should be signed anew is still good:
   * it is what there is while the store takes nothing.
   */
  async current(): Promise<PublishedList> {
    const { revision } = await this.#store.listHead();
    for (;;) {
      const head = await this.#store.listHead();
      if (this.#isFresh(head, revision)) return this.#tokenOf(head);
      this.#publishing ??= this.#publish().finally(() => {
        this.#publishing = null;
      });
      const isDone = await this.#publishing.then(() => true, onlyIfUnavailable);
      if (isDone) continue;
      if (!this.#isGood(head, revision)) throw refusal('overloaded', 'no list can be signed at the moment');
      return this.#tokenOf(head);
    }
  }

  #isGood({ published }: ListHead, revision: number): boolean {
    return published !== null && published.revision >= revision && published.expiresAtMs > this.#now();
  }

  #isFresh({ published, epochMadeAtMs }: ListHead, revision: number): boolean {
    if (published === null || published.revision < revision) return false;
    const nowMs = this.#now();
    if (epochMadeAtMs !== null && isEpochOver(epochMadeAtMs, nowMs)) return false;
    return published.expiresAtMs - nowMs >= (SUPERNODE_LIST_LIFETIME_S * 1000) / 2;
  }

  /** Reads the token, which may be long, only when it is not the one read last. */
  async #tokenOf(head: ListHead): Promise<PublishedList> {
    if (this.#newest?.version !== head.published?.version) this.#newest = await this.#store.publishedList();
    return this.#newest!;
  }

  async #publish(): Promise<void> {
    const nowMs = this.#now();
    await this.#store.closeEpoch(nowMs, () => randomBytes(SEED_BYTES).toString('base64url'));
    const head = await this.#store.listHead();
    // Another process was faster.
    if (this.#isFresh(head, head.revision)) return;
    const before = head.published?.version ?? 0;
    const { revision, supernodes, index, revokedDevices } = await this.#store.listContent();
    const version = Math.max(before + 1, nowMs);
    const claims = { version, supernodes, index, revokedDevices };
    const lifetimeS = SUPERNODE_LIST_LIFETIME_S;
    const options = { audience: this.#signer.keyId, nowMs, lifetimeS };
    const token = await signObject(SupernodeList, claims, this.#signer.key, options);
    const expiresAtMs = nowMs + lifetimeS * 1000;
    await this.#store.saveList({ version, revision, token, expiresAtMs }, before);
  }
}

/** False when the store takes nothing at the moment. @throws whatever else it was */
function onlyIfUnavailable(error: unknown): false {
  if (error instanceof OvercallError && error.code === 'overloaded') return false;
  throw error;
}

import {
  type KeyId,
  type SigningPrivateKey,
  SUPERNODE_LIST_LIFETIME_S,
  SupernodeList,
  signObject,
} from '@overcall/identity';
import type { ListHead, PublishedList, Store } from './store.ts';

export interface Signer {
  key: SigningPrivateKey;
  keyId: KeyId;
}

/**
 * Keeps the signed supernode list up to date: signed again when what it says has changed, or when less than half
 * of its life is left. Asked by every request, it signs once for all that wait: a crowd of new supernodes costs
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

  /** The newest list; it holds whatever was in the store when this was called. */
  async current(): Promise<PublishedList> {
    const { revision } = await this.#store.listHead();
    for (;;) {
      const head = await this.#store.listHead();
      if (this.#isFresh(head, revision)) return this.#tokenOf(head);
      this.#publishing ??= this.#publish().finally(() => {
        this.#publishing = null;
      });
      await this.#publishing;
    }
  }

  #isFresh({ published }: ListHead, revision: number): boolean {
    if (published === null || published.revision < revision) return false;
    return published.expiresAtMs - this.#now() >= (SUPERNODE_LIST_LIFETIME_S * 1000) / 2;
  }

  /** Reads the token, which may be long, only when it is not the one read last. */
  async #tokenOf(head: ListHead): Promise<PublishedList> {
    if (this.#newest?.version !== head.published?.version) this.#newest = await this.#store.publishedList();
    return this.#newest!;
  }

  async #publish(): Promise<void> {
    const { published } = await this.#store.listHead();
    const { revision, supernodes, revokedDevices } = await this.#store.listContent();
    const nowMs = this.#now();
    const version = Math.max((published?.version ?? 0) + 1, nowMs);
    const claims = { version, supernodes, revokedDevices };
    const lifetimeS = SUPERNODE_LIST_LIFETIME_S;
    const options = { audience: this.#signer.keyId, nowMs, lifetimeS };
    const token = await signObject(SupernodeList, claims, this.#signer.key, options);
    await this.#store.saveList({ version, revision, token, expiresAtMs: nowMs + lifetimeS * 1000 });
  }
}

import type { Logger } from '@overcall/cli';
import type { SupernodeEntry } from '@overcall/identity';
import { monotonicMs } from '@overcall/net';
import { type ListedChoice, ReloadPace } from '@overcall/overlay';
import { OvercallError } from '@overcall/wire';
import { ListFollower } from './list-follower.ts';
import { ListedSupernodes } from './listed-supernodes.ts';
import type { Profile } from './profile.ts';
import { unprovenRevocation } from './revoked-device.ts';
import type { SupernodeListStore } from './supernode-list-store.ts';

export interface PoolListOptions {
  store: SupernodeListStore;
  profile(): Profile;
  /** From 0 to below 1. */
  random(): number;
  /** The list is another one now, or who of it may be chosen. */
  onTaken(): void;
}

/** The list of supernodes that a pool goes by: the newest that the directory or a supernode has, and who of it may be chosen. */
export class PoolList {
  readonly #options: PoolListOptions;
  readonly #follower: ListFollower;
  readonly #listed = new ListedSupernodes();
  readonly #reloads: ReloadPace;
  #avoided: string | null = null;

  constructor(options: PoolListOptions, log: Logger) {
    this.#options = options;
    this.#follower = new ListFollower(options.store, log, () => this.take());
    this.#reloads = new ReloadPace(options.random);
  }

  /** Everybody in it, by key id. */
  get all(): readonly ListedChoice[] {
    return this.#listed.choices;
  }

  /** Those that may be chosen: one that is to be avoided only where there is no other. */
  get choices(): readonly ListedChoice[] {
    const others = this.all.filter(({ id }) => id !== this.#avoided);
    return others.length > 0 ? others : this.all;
  }

  entry(id: string): SupernodeEntry | undefined {
    return this.#listed.entry(id);
  }

  /** It is of no use to hold on to this one; counts from the next {@link take} on. */
  avoid(supernodeId: string): void {
    this.#avoided = supernodeId;
  }

  /** Whether the directory has signed that this device is revoked. */
  get isRevoked(): boolean {
    return this.#options.store.revokedDevices.has(this.#options.profile());
  }

  /** Goes by what is stored now. */
  async take(): Promise<void> {
    await this.#listed.set(this.#options.store.entries);
    this.#options.onTaken();
  }

  /** Nobody takes us: the list may be old. */
  async reload(): Promise<void> {
    if (this.#reloads.take(monotonicMs())) await this.followDirectory();
  }

  /** Takes the newest list of the directory, where it answers. */
  async followDirectory(): Promise<void> {
    const { store } = this.#options;
    const { version } = store;
    await store.load().catch(() => {});
    if (store.version !== version) await this.take();
  }

  /** A supernode takes us. */
  handleAttached({ entry, listVersion }: { entry: SupernodeEntry; listVersion: number }): void {
    this.#follower.handleVersion(entry, listVersion, false);
    this.#reloads.reset();
  }

  /** A supernode tells everybody of a new one. */
  handleNews(entry: SupernodeEntry, version: number): void {
    this.#follower.handleVersion(entry, version, true);
  }

  /** A supernode says that this device is revoked, which is for the directory to say: a supernode may lie. */
  async handleClaim(entry: SupernodeEntry): Promise<void> {
    await this.#follower.handleClaim(entry);
  }

  /** What an attach failed with, as far as it is to be believed. */
  async checkRefusal(entry: SupernodeEntry, error: unknown): Promise<unknown> {
    if (!(error instanceof OvercallError) || error.code !== 'device-revoked') return error;
    await this.handleClaim(entry);
    return this.isRevoked ? error : unprovenRevocation(entry);
  }

  close(): void {
    this.#follower.close();
  }
}

import {
  type IndexEpoch,
  type KeyId,
  KeyIds,
  type ListedSupernode,
  publicKeyOf,
  RevokedDevices,
  type SigningPrivateKey,
  STATEMENT_LIFETIME_S,
  SupernodeAdmission,
  SupernodeDeparture,
  type SupernodeEntry,
  SupernodeList,
  signObject,
  verifyObject,
} from '@overcall/identity';
import {
  type AdmissionTask,
  admitSupernode,
  challenge,
  departSupernode,
  fetchDirectory,
  fetchOtherList,
  type KnownDirectory,
  parseDirectoryUrl,
} from '@overcall/net';
import type { ListedNode } from '@overcall/overlay';
import { NEEDED_CONFIRMATIONS, quarterJitter } from '@overcall/overlay';
import { OvercallError } from '@overcall/wire';
import type { Logger } from 'pino';
import type { DataFiles } from './data-files.ts';
import type { DialBackCandidate, ToldReport } from './dial-back/candidate.ts';
import { hostsOf, listedNodes } from './listed-nodes.ts';

/** A verified supernode list. */
export interface KnownList {
  token: string;
  version: number;
  /** Milliseconds since 1970. */
  expiresAtMs: number;
  supernodes: ListedSupernode[];
  /** The same, by key id. */
  byId: ReadonlyMap<KeyId, ListedSupernode>;
  /** The same, as the overlay wants them. */
  nodes: ListedNode[];
  /** IP addresses that connections of supernodes may come from, canonical. */
  hosts: ReadonlySet<string>;
  /** Epochs of the presence index. */
  index: IndexEpoch[];
  revokedDevices: RevokedDevices;
}

/** A list, and whether it names this supernode: its key, whatever the addresses. */
export type ListUse = Omit<KnownList, 'supernodes' | 'byId'> & { isListed: boolean };

const POLL_INTERVAL_MS = 30_000;
const MAX_BACKOFF_MS = 240_000;
/** When those that are to reach this supernode are silent. */
const ADMISSION_TRIES = 3;
const ADMISSION_PAUSE_MS = 1000;

/**
 * Keeps the supernode admitted and its list new. Goes on without the directory: the last list stays in force, and
 * contact is sought again with backoff and jitter.
 */
export class DirectoryLink {
  readonly #files: DataFiles;
  readonly #key: SigningPrivateKey;
  readonly #entry: SupernodeEntry;
  readonly #url: string;
  readonly #insecureHttp: boolean;
  readonly #invite: string | undefined;
  readonly #dialBack: Pick<DialBackCandidate, 'ask'>;
  readonly #onReports: (told: ToldReport[]) => void;
  readonly #onList: (list: ListUse) => void;
  readonly #random: () => number;
  readonly #log: Logger;
  readonly #keyIds = new KeyIds();
  #directory: KnownDirectory | null = null;
  #list: KnownList | null = null;
  #admitted = false;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: {
    files: DataFiles;
    key: SigningPrivateKey;
    entry: SupernodeEntry;
    directory: string;
    insecureHttp: boolean;
    invite: string | undefined;
    dialBack: Pick<DialBackCandidate, 'ask'>;
    /** Others have told whether they reach this supernode. */
    onReports: (told: ToldReport[]) => void;
    onList: (list: ListUse) => void;
    /** From [0, 1). */
    random: () => number;
    log: Logger;
  }) {
    this.#files = options.files;
    this.#key = options.key;
    this.#entry = options.entry;
    this.#url = options.directory;
    this.#insecureHttp = options.insecureHttp;
    this.#invite = options.invite;
    this.#dialBack = options.dialBack;
    this.#onReports = options.onReports;
    this.#onList = options.onList;
    this.#random = options.random;
    this.#log = options.log;
  }

  /** After {@link start}. */
  get directory(): KnownDirectory {
    return this.#directory!;
  }

  /** Null before first contact. */
  get pinned(): KnownDirectory | null {
    return this.#directory;
  }

  /** Null before there is one. */
  get knownList(): KnownList | null {
    return this.#list;
  }

  get isReachable(): boolean {
    return this.#failures === 0;
  }

  /** Lists are good for 30 days, in memory as well as on the disk. */
  get isExpired(): boolean {
    return this.#list === null || Date.now() >= this.#list.expiresAtMs;
  }

  /** Whether the newest list names this supernode as it is now. */
  get isListed(): boolean {
    const known = this.#list === null ? undefined : this.#ownEntry(this.#list);
    return known !== undefined && isSameEntry(known, this.#entry);
  }

  #ownEntry({ supernodes }: KnownList): SupernodeEntry | undefined {
    return supernodes.find((entry) => entry.key.x === this.#entry.key.x);
  }

  /**
   * Registers, or falls back on the stored list while the directory is away.
   * @throws OvercallError `directory-unreachable` without a stored list, `directory-key-changed`, or the
   * directory's own refusal
   */
  async start(): Promise<void> {
    await this.#loadStored();
    try {
      await this.#admit();
    } catch (error) {
      const unreachable = error instanceof OvercallError && error.code === 'directory-unreachable';
      if (!unreachable || this.#list === null) throw error;
      this.#failures = 1;
    }
    this.#schedule();
  }

  /** A list from another supernode. True when it is validly signed, and newer. */
  async offer(token: string): Promise<boolean> {
    const before = this.#list?.version ?? 0;
    await this.#take(token);
    return (this.#list?.version ?? 0) > before;
  }

  /** Asks for the newest list now. @throws OvercallError `directory-unreachable` */
  async refresh(): Promise<void> {
    const list = await fetchOtherList(this.directory, this.#list?.version ?? 0);
    if (list !== null) await this.#take(list);
  }

  /**
   * Leaves the list, and does not come back by itself: the directory takes no admission that was begun before.
   * @throws OvercallError
   */
  async depart(): Promise<void> {
    this.close();
    const directory = this.directory;
    const claims = { cnf: { jwk: publicKeyOf(this.#key) }, nonce: await challenge(directory) };
    const signing = { audience: directory.keyId, nowMs: Date.now(), lifetimeS: STATEMENT_LIFETIME_S };
    const departure = await signObject(SupernodeDeparture, claims, this.#key, signing);
    await this.#take(await departSupernode(directory, departure));
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #loadStored(): Promise<void> {
    this.#directory = this.#files.pinnedDirectory(parseDirectoryUrl(this.#url).url);
    const token = this.#files.list();
    if (token === null || this.#directory === null) return;
    try {
      this.#adopt(await this.#verified(token, this.#directory));
    } catch {
      // Expired, or of another directory: as good as none.
    }
  }

  async #admit(): Promise<void> {
    const stored = this.#directory;
    const directory = await fetchDirectory(this.#url, {
      insecureHttp: this.#insecureHttp,
      ...(stored ? { pinnedKey: stored.key } : {}),
    });
    this.#directory = directory;
    this.#files.savePinnedDirectory(directory);
    await this.#take(await this.#listThatNamesUs(directory, ADMISSION_TRIES));
    this.#admitted = true;
  }

  /** Tried again when others were silent: they may be starting, and the next ones that are asked may be others. */
  async #listThatNamesUs(directory: KnownDirectory, tries: number): Promise<string> {
    if (this.#closed) throw new OvercallError('interrupted', 'it is about to leave');
    const answer = await admitSupernode(directory, await this.#admission(await challenge(directory)));
    if ('list' in answer) return answer.list;
    const told = await this.#dialBack.ask(answer.witnesses, answer.ticket);
    try {
      return await this.#admitWithReports(answer, told);
    } catch (error) {
      const isSilence = told.length < Math.min(NEEDED_CONFIRMATIONS, answer.witnesses.length);
      const isRefusal = error instanceof OvercallError && error.code === 'not-reachable';
      if (!isRefusal || !isSilence || tries <= 1) throw error;
      await new Promise((resolve) => setTimeout(resolve, ADMISSION_PAUSE_MS));
      return this.#listThatNamesUs(directory, tries - 1);
    }
  }

  #admission(nonce: string): Promise<string> {
    const claims = {
      entry: this.#entry,
      nonce,
      ...(this.#invite === undefined ? {} : { invite: this.#invite }),
    };
    return signObject(SupernodeAdmission, claims, this.#key, {
      audience: this.directory.keyId,
      nowMs: Date.now(),
      lifetimeS: STATEMENT_LIFETIME_S,
    });
  }

  /** Others were to reach this supernode first, and told. Returns the list that names it. */
  async #admitWithReports({ ticket, nonce }: AdmissionTask, told: ToldReport[]): Promise<string> {
    const evidence = { ticket, reports: told.map(({ report }) => report) };
    const answer = await admitSupernode(this.directory, await this.#admission(nonce), evidence);
    if (!('list' in answer))
      throw new OvercallError('not-reachable', 'the directory wants to be asked again');
    this.#onReports(told);
    return answer.list;
  }

  /** Keeps a list that is validly signed and newer; a lower version is refused, whoever gives it. */
  async #take(token: string): Promise<void> {
    if (token === this.#list?.token) return;
    const list = await this.#verified(token, this.directory);
    if (this.#list !== null && list.version <= this.#list.version) return;
    this.#adopt(list);
    try {
      this.#files.saveList(token);
    } catch (error) {
      // Revocations count on a full disk, too.
      this.#log.warn({ err: error }, 'the supernode list is used and not stored');
    }
  }

  #adopt(list: KnownList): void {
    this.#list = list;
    const { supernodes: _, byId: __, ...use } = list;
    const isListed = this.#ownEntry(list) !== undefined;
    try {
      this.#onList({ ...use, isListed });
    } catch (error) {
      // A fault of our own with this list: the next one is used all the same.
      this.#log.error({ err: error }, 'the supernode list is not in use everywhere');
    }
  }

  async #verified(token: string, directory: KnownDirectory): Promise<KnownList> {
    const options = { audience: directory.keyId, nowMs: Date.now() };
    const {
      version,
      exp,
      supernodes,
      revokedDevices: revoked,
      index = [],
    } = await verifyObject(SupernodeList, token, directory.key, options);
    const ids = await this.#keyIds.of(supernodes.map(({ key }) => key));
    const nodes = listedNodes(supernodes, ids);
    const byId = new Map(supernodes.map((supernode, i) => [ids[i]!, supernode]));
    const revokedDevices = new RevokedDevices(revoked);
    const hosts = hostsOf(supernodes);
    return { token, version, expiresAtMs: exp * 1000, supernodes, byId, nodes, hosts, index, revokedDevices };
  }

  #schedule(): void {
    if (this.#closed) return;
    const backoffMs = Math.min(POLL_INTERVAL_MS * 2 ** Math.max(0, this.#failures - 1), MAX_BACKOFF_MS);
    // Jitter: supernodes that lost the directory together must not come back together.
    this.#timer = setTimeout(() => void this.#poll(), quarterJitter(backoffMs, this.#random));
  }

  async #poll(): Promise<void> {
    try {
      if (!this.#admitted || this.#failures > 0) await this.#admit();
      else await this.refresh();
      if (!this.isListed) this.#admitted = false;
      this.#failures = 0;
    } catch (error) {
      if (this.#closed) return;
      this.#failures++;
      const refused = error instanceof OvercallError && error.code !== 'directory-unreachable';
      this.#log.warn(
        { err: error, failures: this.#failures },
        refused ? 'the directory refuses' : 'no contact with the directory; going on without it',
      );
    }
    this.#schedule();
  }
}

function isSameEntry(a: SupernodeEntry, b: SupernodeEntry): boolean {
  const same = (x: string[], y: string[]) => x.length === y.length && x.every((item, i) => item === y[i]);
  return same(a.udp, b.udp) && same(a.control, b.control) && same(a.tlsSha256, b.tlsSha256);
}

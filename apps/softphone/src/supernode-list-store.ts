import { isIP } from 'node:net';
import type { Logger } from '@overcall/cli';
import { KeyIds, RevokedDevices, type SupernodeEntry, SupernodeList, verifyObject } from '@overcall/identity';
import { fetchOtherList, type KnownDirectory, trustOf } from '@overcall/net';
import { type AddressPolicy, addressPolicy } from '@overcall/overlay';
import { parseAddressPort } from '@overcall/traversal';
import { OvercallError } from '@overcall/wire';
import Type from 'typebox';
import { type Home, readState, writeState } from './home.ts';

const FILE = 'supernodes.json';
const Stored = Type.Object({ list: Type.String() });

/** The newest signed supernode list this softphone has seen; lower versions are refused. */
export class SupernodeListStore {
  entries: SupernodeEntry[] = [];
  /** The same, by their key ids. */
  byId: ReadonlyMap<string, SupernodeEntry> = new Map();
  version = 0;
  revokedDevices = new RevokedDevices();
  readonly #keyIds = new KeyIds();
  readonly #home: Home;
  readonly #directory: KnownDirectory;
  readonly #mayContact: AddressPolicy;
  readonly #log: Logger;

  constructor(home: Home, directory: KnownDirectory, allowNets: readonly string[], log: Logger) {
    this.#home = home;
    this.#directory = directory;
    this.#mayContact = contactPolicy(directory, allowNets);
    this.#log = log;
  }

  /** Takes the stored list. Whether there was one that is still good, and that names supernodes. */
  async loadStored(): Promise<boolean> {
    const stored = this.#stored;
    if (stored !== null) await this.offer(stored.list).catch(() => false);
    return this.entries.length > 0;
  }

  /** Null for a damaged one, too, as a power cut may leave it: it can be fetched again. */
  get #stored(): { list: string } | null {
    try {
      return readState(this.#home, FILE, Stored);
    } catch (error) {
      this.#log.warn(`the supernode list is fetched anew: ${(error as Error).message}`);
      return null;
    }
  }

  /** Takes the directory's list where it answers, else the stored one. */
  async load(): Promise<void> {
    if (this.version === 0) await this.loadStored();
    try {
      const list = await fetchOtherList(this.#directory, this.version);
      if (list !== null) await this.offer(list);
    } catch (cause) {
      // Without the directory, registered users go on with the list they have.
      if (this.version === 0) throw cause;
    }
    if (this.entries.length === 0) {
      throw new OvercallError('no-supernodes', `directory ${this.#directory.url} lists no supernodes yet`);
    }
  }

  /**
   * Takes a list from anyone if the directory signed it and it is newer.
   * @throws OvercallError when it is not validly signed or has expired
   * @returns whether it was newer
   */
  async offer(token: string): Promise<boolean> {
    const trust = trustOf(this.#directory);
    const options = { audience: trust.keyId, nowMs: Date.now() };
    const list = await verifyObject(SupernodeList, token, trust.key, options);
    if (list.version <= this.version) return false;
    const entries = list.supernodes.filter((entry) => this.#isContactable(entry));
    const ids = await this.#keyIds.of(entries.map(({ key }) => key));
    if (list.version <= this.version) return false;
    this.version = list.version;
    this.entries = entries;
    this.byId = new Map(entries.map((entry, i) => [ids[i]!, entry]));
    this.revokedDevices = new RevokedDevices(list.revokedDevices);
    this.#keep(token);
    return true;
  }

  /**
   * On a full disk it is as good as ever, revocations and all; only the next start has to fetch it again. A call does not wait
   * for the disk.
   */
  #keep(token: string): void {
    try {
      writeState(this.#home, FILE, { list: token }, { durable: false });
    } catch (error) {
      this.#log.warn(`the supernode list is used and not stored: ${(error as Error).message}`);
    }
  }

  #isContactable({ udp, control }: SupernodeEntry): boolean {
    const addresses = [...udp, ...control].map((text) => parseAddressPort(text)?.address);
    return addresses.every((address) => address !== undefined && this.#mayContact(address));
  }
}

/**
 * Anybody may be admitted as a supernode, so its addresses are not to point softphones at their own networks: only
 * public ones count, unless the directory itself is on a private network or loopback, or `--allow-net` says so.
 */
function contactPolicy(directory: KnownDirectory, allowNets: readonly string[]): AddressPolicy {
  const isPublic = addressPolicy(allowNets);
  const host = new URL(directory.url).hostname.replace(/^\[(.*)\]$/, '$1');
  const ownNetwork = host === 'localhost' || (isIP(host) !== 0 && !addressPolicy()(host));
  return ownNetwork ? () => true : isPublic;
}

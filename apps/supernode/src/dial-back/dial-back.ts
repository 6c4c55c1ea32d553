import { randomBytes } from 'node:crypto';
import { type KeyId, keyIdOf, type SigningPrivateKey, type SupernodeEntry } from '@overcall/identity';
import { DialBackEndpoint, hmacSha256, monotonicMs, trustOf } from '@overcall/net';
import { addressPolicy, DialBackSecrets } from '@overcall/overlay';
import type { AddressPort } from '@overcall/traversal';
import type { Logger } from 'pino';
import type { DirectoryLink } from '../directory-link.ts';
import { AddressProber } from './address-prober.ts';
import { DialBackCandidate } from './candidate.ts';
import { Reachability } from './reachability.ts';
import { DialBackWitness } from './witness.ts';

interface DialBackOptions {
  key: SigningPrivateKey;
  id: KeyId;
  allowNets: readonly string[] | undefined;
  /** Null before it has begun. */
  link(): Pick<DirectoryLink, 'knownList' | 'pinned'> | null;
  /** Whether others reach this supernode may have changed. */
  onChange(): void;
  /** From [0, 1). */
  random(): number;
  log: Logger;
}

/** Both sides of dial-back in one supernode: it tries others, and has others try it. */
export class DialBack {
  readonly endpoint: DialBackEndpoint;
  readonly witness: DialBackWitness;
  readonly #options: DialBackOptions;
  readonly #secrets = new DialBackSecrets({ hmacSha256, randomBytes });
  #own: readonly AddressPort[] = [];
  #known: { version: number; byId: Map<KeyId, SupernodeEntry> } = { version: 0, byId: new Map() };

  constructor(options: DialBackOptions) {
    this.#options = options;
    this.witness = new DialBackWitness({
      key: options.key,
      id: options.id,
      mayReach: addressPolicy(options.allowNets),
      prober: new AddressProber(() => this.#own),
      directory: () => {
        const directory = options.link()?.pinned ?? null;
        return directory === null ? null : trustOf(directory);
      },
      listed: async (id) => (await this.#listed()).get(id) ?? null,
    });
    this.endpoint = new DialBackEndpoint({
      tryAddresses: (body, address) => this.witness.tryAddresses(body, address),
      prove: (id, nonce) => this.#secrets.proof(id, nonce, monotonicMs()),
    });
  }

  /** The answer to a probe that came in a datagram; null for one that nobody was asked for. */
  answer(datagram: Uint8Array): Uint8Array | null {
    return this.#secrets.answer(datagram, monotonicMs());
  }

  /** The sockets are open: `own` are their addresses, `entry` says how others reach them. */
  begin(
    entry: SupernodeEntry,
    own: readonly AddressPort[],
  ): { candidate: DialBackCandidate; reach: Reachability } {
    const { key, id, log, onChange, link, random } = this.#options;
    this.#own = own;
    const candidate = new DialBackCandidate({ key, id, entry, secrets: this.#secrets, own: () => own, log });
    const others = () => (link()?.knownList?.supernodes ?? []).filter((other) => other.key.x !== entry.key.x);
    return { candidate, reach: new Reachability({ candidate, others, onChange, random, log }) };
  }

  /** The supernodes of the newest list by key id, worked out once for each list that it is needed for. */
  async #listed(): Promise<Map<KeyId, SupernodeEntry>> {
    const list = this.#options.link()?.knownList ?? null;
    if (list !== null && list.version !== this.#known.version) {
      const entries = list.supernodes.map(async (entry) => [await keyIdOf(entry.key), entry] as const);
      this.#known = { version: list.version, byId: new Map(await Promise.all(entries)) };
    }
    return this.#known.byId;
  }
}

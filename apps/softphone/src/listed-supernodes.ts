import { keyIdOf, type SupernodeEntry } from '@overcall/identity';
import { addressPrefix } from '@overcall/net';
import type { ListedChoice } from '@overcall/overlay';
import { parseAddressPort } from '@overcall/traversal';

/** Supernodes within these die together. */
const NETWORK = { ipv4Bits: 24, ipv6Bits: 48 };

/** The supernode list by key id, as the attach policy and the pool need it. */
export class ListedSupernodes {
  choices: ListedChoice[] = [];
  readonly #entryById = new Map<string, SupernodeEntry>();
  readonly #idByKey = new Map<string, string>();

  entry(id: string): SupernodeEntry | undefined {
    return this.#entryById.get(id);
  }

  async set(entries: readonly SupernodeEntry[]): Promise<void> {
    const ids = await Promise.all(
      entries.map((entry) => this.#idByKey.get(entry.key.x) ?? keyIdOf(entry.key)),
    );
    this.#entryById.clear();
    this.#idByKey.clear();
    this.choices = entries.map((entry, index) => {
      const id = ids[index]!;
      this.#entryById.set(id, entry);
      this.#idByKey.set(entry.key.x, id);
      return choiceOf(id, entry);
    });
  }
}

export function choiceOf(id: string, { udp, control }: SupernodeEntry): ListedChoice {
  const addresses = [...udp, ...control].map((text) => parseAddressPort(text)?.address ?? text);
  return { id, prefixes: [...new Set(addresses.map((address) => addressPrefix(address, NETWORK)))] };
}

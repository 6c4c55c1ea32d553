import { keyIdOf, type ListedSupernode } from '@overcall/identity';
import { parseAddressPort } from '@overcall/traversal';

/** The supernodes of the signed list by key id, and where to dial each of them. */
export class LinkTargets {
  #byId: ReadonlyMap<string, ListedSupernode> = new Map();
  readonly #ids = new Map<string, string>();
  readonly #mayDial: (address: string) => boolean;
  /** Families of addresses that this host has. */
  readonly #families: () => { ipv4: boolean; ipv6: boolean };

  constructor(mayDial: (address: string) => boolean, families: () => { ipv4: boolean; ipv6: boolean }) {
    this.#mayDial = mayDial;
    this.#families = families;
  }

  get ids(): Set<string> {
    return new Set(this.#byId.keys());
  }

  get(id: string): ListedSupernode | null {
    return this.#byId.get(id) ?? null;
  }

  /** Takes another list; ids are hashes of keys, and most keys were there before. */
  async set(supernodes: readonly ListedSupernode[]): Promise<void> {
    const keys = new Set(supernodes.map(({ key }) => key.x));
    for (const x of [...this.#ids.keys()]) if (!keys.has(x)) this.#ids.delete(x);
    const byId = new Map<string, ListedSupernode>();
    for (const entry of supernodes) {
      const id = this.#ids.get(entry.key.x) ?? (await keyIdOf(entry.key));
      this.#ids.set(entry.key.x, id);
      byId.set(id, entry);
    }
    this.#byId = byId;
  }

  /** Addresses of a kind that this host may and can send to: nobody makes it knock inside its own network. */
  addresses(id: string, kind: 'udp' | 'control'): string[] {
    const families = this.#families();
    return (this.get(id)?.[kind] ?? []).filter((text) => {
      const address = parseAddressPort(text)?.address;
      if (address === undefined || !this.#mayDial(address)) return false;
      return address.includes(':') ? families.ipv6 : families.ipv4;
    });
  }
}

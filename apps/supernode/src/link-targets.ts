import type { KeyId, ListedSupernode } from '@overcall/identity';
import { parseAddressPort } from '@overcall/traversal';

/** The supernodes of the signed list by key id, and where to dial each of them. */
export class LinkTargets {
  #byId: ReadonlyMap<string, ListedSupernode> = new Map();
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

  /** Takes another list, by key ids. */
  set(byId: ReadonlyMap<KeyId, ListedSupernode>): void {
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

import { addressPrefix } from './address-prefix.ts';

/** Counts connections by address; an IPv6 /64 is one address, because a single host has all of it. */
export class AddressCounter {
  readonly #maxPerAddress: number;
  readonly #countByKey = new Map<string, number>();

  constructor(maxPerAddress: number) {
    this.#maxPerAddress = maxPerAddress;
  }

  /** Null when the address has as many as it may; otherwise gives the place back when it is called. */
  admit(address: string): (() => void) | null {
    const key = addressPrefix(address, { ipv4Bits: 32, ipv6Bits: 64 });
    const count = this.#countByKey.get(key) ?? 0;
    if (count >= this.#maxPerAddress) return null;
    this.#countByKey.set(key, count + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const left = this.#countByKey.get(key)! - 1;
      if (left > 0) this.#countByKey.set(key, left);
      else this.#countByKey.delete(key);
    };
  }
}

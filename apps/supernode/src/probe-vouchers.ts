import {
  keyIdOf,
  PROBE_VOUCHER_LIFETIME_S,
  ProbeVoucher,
  peekClaims,
  type SigningPrivateKey,
  type SigningPublicKey,
  type SupernodeEntry,
  signObject,
  verifyObject,
} from '@overcall/identity';
import type { AddressPort } from '@overcall/traversal';

/** The part of a supernode list that vouchers need. */
interface ListedKeys {
  version: number;
  supernodes: readonly SupernodeEntry[];
}

/** Signs and checks vouchers: that somebody receives at an address, from one supernode to another of the list. */
export class ProbeVouchers {
  readonly #key: SigningPrivateKey;
  readonly #id: string;
  readonly #list: () => ListedKeys | null;
  #known: { version: number; keys: Map<string, SigningPublicKey> } = { version: 0, keys: new Map() };

  constructor(key: SigningPrivateKey, id: string, list: () => ListedKeys | null) {
    this.#key = key;
    this.#id = id;
    this.#list = list;
  }

  /** `audience` need not be in the list as it is known here: another supernode may have joined since. */
  sign(audience: string, { address, port }: AddressPort): Promise<string> {
    return signObject(ProbeVoucher, { iss: this.#id, address, port }, this.#key, {
      audience,
      nowMs: Date.now(),
      lifetimeS: PROBE_VOUCHER_LIFETIME_S,
    });
  }

  /** The address that another supernode of the list vouches for; null when the voucher is not good. */
  async check(token: string): Promise<AddressPort | null> {
    const issuer = peekClaims(ProbeVoucher, token)?.iss;
    const key = issuer === undefined ? undefined : (await this.#keys()).get(issuer);
    if (key === undefined) return null;
    try {
      return await verifyObject(ProbeVoucher, token, key, { audience: this.#id, nowMs: Date.now() });
    } catch {
      return null;
    }
  }

  async #keys(): Promise<Map<string, SigningPublicKey>> {
    const list = this.#list();
    if (list !== null && list.version !== this.#known.version) {
      const { version, supernodes } = list;
      const entries = supernodes.map(async ({ key }) => [await keyIdOf(key), key] as const);
      this.#known = { version, keys: new Map(await Promise.all(entries)) };
    }
    return this.#known.keys;
  }
}

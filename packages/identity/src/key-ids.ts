import { type KeyId, keyIdOf, type SigningPublicKey } from './keys.ts';

/** So many are hashed at once: ten thousand that are begun together keep a program from everything else for a quarter of a second. */
const AT_ONCE = 64;

/**
 * Ids of the keys in one list after another. Most keys of a list were in the one before it, and are not hashed again; those that are not in the
 * newest list are forgotten.
 */
export class KeyIds {
  #idByX: ReadonlyMap<string, KeyId> = new Map();

  /** In the order of the keys. */
  async of(keys: readonly SigningPublicKey[]): Promise<KeyId[]> {
    const known = this.#idByX;
    const ids: KeyId[] = [];
    for (let at = 0; at < keys.length; at += AT_ONCE) {
      const some = keys.slice(at, at + AT_ONCE).map((key) => known.get(key.x) ?? keyIdOf(key));
      ids.push(...(await Promise.all(some)));
    }
    this.#idByX = new Map(keys.map(({ x }, i) => [x, ids[i]!]));
    return ids;
  }
}

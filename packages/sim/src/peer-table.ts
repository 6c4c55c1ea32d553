/** Longer lists are found by a Map. */
const SEARCHED_PEERS = 8;

/**
 * Whom a port has contacted, and when last: the state of a filter. Most have a handful of peers, and a short list is
 * cheaper to make and to search than a Map; a spray has thousands.
 */
export class PeerTable {
  readonly #keys: number[] = [];
  readonly #usedAtMs: number[] = [];
  #indexByKey: Map<number, number> | null = null;

  note(key: number, nowMs: number): void {
    const index = this.#indexOf(key);
    if (index >= 0) {
      this.#usedAtMs[index] = nowMs;
      return;
    }
    this.#indexByKey?.set(key, this.#keys.length);
    this.#keys.push(key);
    this.#usedAtMs.push(nowMs);
    if (this.#indexByKey === null && this.#keys.length > SEARCHED_PEERS)
      this.#indexByKey = new Map(this.#keys.map((known, position) => [known, position]));
  }

  /** Whether it was noted within this time. */
  knows(key: number, nowMs: number, lifetimeMs: number): boolean {
    const index = this.#indexOf(key);
    return index >= 0 && nowMs - this.#usedAtMs[index]! < lifetimeMs;
  }

  #indexOf(key: number): number {
    return this.#indexByKey === null ? this.#keys.indexOf(key) : (this.#indexByKey.get(key) ?? -1);
  }
}

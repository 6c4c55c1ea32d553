/** After a list was fetched in vain from somebody, they are not asked again for so long. */
const DISTRUST_MS = 60_000;
/** Everybody hears of a new list at once: who fetches it when is left to chance. */
const SPREAD_MS = 1000;
const MAX_OFFERS = 64;

/** Of whom to fetch the signed supernode list, when linked supernodes say that they have a newer one. */
export class NewerLists {
  readonly #random: () => number;
  readonly #offers = new Map<string, number>();
  readonly #distrusted = new Map<string, number>();
  #own = 0;
  #fetching: string | null = null;
  #fetchAtMs: number | null = null;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The version that is had here; it only grows. */
  setOwn(version: number): void {
    this.#own = Math.max(this.#own, version);
    for (const [from, offered] of [...this.#offers]) if (offered <= this.#own) this.#offers.delete(from);
  }

  handleOffer(from: string, version: number, nowMs: number): void {
    if (version <= this.#own || nowMs < (this.#distrusted.get(from) ?? 0)) return;
    if (this.#offers.size >= MAX_OFFERS && !this.#offers.has(from)) return;
    this.#offers.set(from, version);
    this.#fetchAtMs ??= nowMs + this.#random() * SPREAD_MS;
  }

  /** Whom to ask now; then {@link handleFetched}. */
  poll(nowMs: number): string | null {
    if (this.#fetching !== null || this.#fetchAtMs === null || nowMs < this.#fetchAtMs) return null;
    this.#fetchAtMs = null;
    const [first] = [...this.#offers].sort(([, a], [, b]) => b - a);
    if (first === undefined) return null;
    this.#offers.delete(first[0]);
    this.#fetching = first[0];
    return first[0];
  }

  /** It came, good or not: `setOwn` has been called with what was good. Who said too much is not asked for a while. */
  handleFetched(wasNewer: boolean, nowMs: number): void {
    if (!wasNewer && this.#fetching !== null) {
      this.#distrusted.delete(this.#fetching);
      this.#distrusted.set(this.#fetching, nowMs + DISTRUST_MS);
      if (this.#distrusted.size > MAX_OFFERS) this.#distrusted.delete(this.#distrusted.keys().next().value!);
    }
    this.#fetching = null;
    if (this.#offers.size > 0) this.#fetchAtMs = nowMs;
  }

  get nextDeadline(): number | null {
    return this.#fetching === null ? this.#fetchAtMs : null;
  }
}

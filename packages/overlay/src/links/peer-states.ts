import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS } from './link-limits.ts';

interface PeerState {
  isDead: boolean;
  failures: number;
  retryAtMs: number;
  /** It was marked while this supernode had no link at all: it may have been cut off itself. */
  isDoubtful: boolean;
}

/**
 * Which supernodes could not be reached, and when to try again. Whoever was never tried counts as alive. Bounded by the
 * signed list: {@link PeerStates.keep} forgets everybody else.
 */
export class PeerStates {
  readonly #byId = new Map<string, PeerState>();
  readonly #random: () => number;

  /** @param random 0 to 1, for jitter */
  constructor(random: () => number) {
    this.#random = random;
  }

  get dead(): number {
    let dead = 0;
    for (const state of this.#byId.values()) if (state.isDead) dead++;
    return dead;
  }

  isAlive(id: string): boolean {
    return this.#byId.get(id)?.isDead !== true;
  }

  /** Whether it is time to try it (again). */
  mayDial(id: string, nowMs: number): boolean {
    return nowMs >= (this.#byId.get(id)?.retryAtMs ?? Number.NEGATIVE_INFINITY);
  }

  retryAtMs(id: string): number {
    return this.#byId.get(id)?.retryAtMs ?? Number.NEGATIVE_INFINITY;
  }

  /** A dial failed, or it turned us away: that one is alive, and to be left alone for a while. */
  handleFailure(id: string, kind: 'dead' | 'refused', isDoubtful: boolean, nowMs: number): void {
    const state = this.#byId.get(id) ?? { isDead: false, failures: 0, retryAtMs: 0, isDoubtful };
    const backoffMs = Math.min(BACKOFF_FIRST_MS * 2 ** state.failures, BACKOFF_MAX_MS);
    state.failures++;
    state.isDead = kind === 'dead';
    state.isDoubtful = isDoubtful;
    state.retryAtMs = nowMs + backoffMs * (0.5 + this.#random() / 2);
    this.#byId.set(id, state);
  }

  /** It has come back: it answers where it did not. */
  handleSign(id: string): void {
    if (!this.isAlive(id)) this.#byId.delete(id);
  }

  /** A link to it is up: what was marked while there was none at all is open again. */
  handleJoined(id: string): void {
    const state = this.#byId.get(id);
    if (state) state.isDead = false;
    for (const [other, { isDoubtful }] of [...this.#byId]) if (isDoubtful) this.#byId.delete(other);
  }

  /** The link to it held for long. */
  handleGood(id: string): void {
    this.#byId.delete(id);
  }

  keep(listed: ReadonlySet<string>): void {
    for (const id of [...this.#byId.keys()]) if (!listed.has(id)) this.#byId.delete(id);
  }

  *deadOnes(): IterableIterator<string> {
    for (const [id, { isDead }] of this.#byId) if (isDead) yield id;
  }
}

/** A peer that has not been heard for this long is gone, ms. While it rings it is pinged each second. */
const SILENCE_LIMIT_MS = 8000;
/** A timer that comes so late, ms, was not late by itself: this machine has slept, or its clock jumped. */
const SLEPT_MS = 1000;
/** What the peer then has to make itself heard, ms. */
const AFTER_SLEEP_MS = 3000;
/** How long the first packet of a peer may take, ms: time to open the relay from both sides, with retries. */
const FIRST_PACKET_LIMIT_MS = 15_000;
/** A route that was just opened, or is being opened, may still bring the peer back within this time, ms. */
const NEW_ROUTE_MS = 5000;
/** However many routes are opened: nobody waits longer than this for a peer, ms. */
const HOPELESS_AFTER_MS = 30_000;

/** For how long a silent peer is waited for. */
export class Liveness {
  #sinceMs: number;
  #limitMs = FIRST_PACKET_LIMIT_MS;
  #heard = false;
  #hopeEndsAtMs = Number.NEGATIVE_INFINITY;
  /** After a sleep, silence counts from when we were awake again. */
  #graceEndsAtMs = Number.NEGATIVE_INFINITY;

  /** A path that never comes up is no path to answer on, so silence counts from the start. */
  constructor(openedAtMs: number) {
    this.#sinceMs = openedAtMs;
  }

  /** Whether the peer has ever been heard. */
  get isHeard(): boolean {
    return this.#heard;
  }

  noteHeard(nowMs: number): void {
    this.#heard = true;
    this.noteTalking(nowMs);
  }

  noteTalking(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#limitMs = SILENCE_LIMIT_MS;
  }

  /** A route is being opened or bound: the peer may be heard there. */
  hope(nowMs: number): void {
    this.#hopeEndsAtMs = nowMs + NEW_ROUTE_MS;
  }

  get endsAtMs(): number {
    const hopeEndsAtMs = Math.min(this.#hopeEndsAtMs, this.#sinceMs + HOPELESS_AFTER_MS);
    return Math.max(this.#sinceMs + this.#limitMs, hopeEndsAtMs, this.#graceEndsAtMs);
  }

  /** Whether it is time to give up. */
  isOver(nowMs: number): boolean {
    // What arrived while we slept has not been read yet.
    if (nowMs >= this.endsAtMs + SLEPT_MS) this.#graceEndsAtMs = nowMs + AFTER_SLEEP_MS;
    return nowMs >= this.endsAtMs;
  }
}

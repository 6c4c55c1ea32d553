/** How often a control connection is pinged while nothing else shows that the supernode lives, and while something does, ms. */
const PING_INTERVAL_MS = 3000;
const RELAXED_INTERVAL_MS = 15_000;
/** A ping that is not answered is followed by another one after this, ms. */
const PING_AGAIN_MS = 1000;
/** Silent for so long after a ping, it is suspect; and then dead, ms, with some round trips on top. */
const SUSPECT_MS = 1000;
const DEAD_MS = 4000;
const ROUND_TRIPS = 3;

export type VigilState = 'alive' | 'suspect' | 'dead';

/**
 * Watches one control connection: a supernode that is frozen, or a host that has vanished, does not close it. Any message
 * is a sign of life.
 */
export class ControlVigil {
  readonly #allowanceMs: number;
  #heardAtMs: number;
  /** The first ping since then; null when there was none. */
  #askedAtMs: number | null = null;
  #isRelaxed = false;
  deadline: number;

  constructor(rttMs: number, nowMs: number) {
    this.#allowanceMs = ROUND_TRIPS * rttMs;
    this.#heardAtMs = nowMs;
    this.deadline = nowMs + PING_INTERVAL_MS;
  }

  /** The relay of the same supernode answers probes as well: no need to ask as often. */
  set isRelaxed(isRelaxed: boolean) {
    if (this.#isRelaxed === isRelaxed) return;
    this.#isRelaxed = isRelaxed;
    if (this.#askedAtMs === null) this.deadline = this.#heardAtMs + this.#intervalMs;
  }

  get #intervalMs(): number {
    return this.#isRelaxed ? RELAXED_INTERVAL_MS : PING_INTERVAL_MS;
  }

  stateAt(nowMs: number): VigilState {
    if (this.#askedAtMs === null) return 'alive';
    const silentMs = nowMs - this.#askedAtMs - this.#allowanceMs;
    if (silentMs >= DEAD_MS) return 'dead';
    return silentMs >= SUSPECT_MS ? 'suspect' : 'alive';
  }

  handleHeard(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#askedAtMs = null;
    this.deadline = nowMs + this.#intervalMs;
  }

  /** There is a reason to ask at once. */
  handleDoubt(nowMs: number): void {
    if (this.#askedAtMs === null) this.deadline = nowMs;
  }

  /** Whether a ping is due. */
  handleTimeout(nowMs: number): boolean {
    if (nowMs < this.deadline) return false;
    this.#askedAtMs ??= nowMs;
    this.deadline = nowMs + PING_AGAIN_MS;
    return true;
  }
}

/** As long as a call rings, ms: whoever started a softphone waits no longer for room at a supernode. */
export const START_PATIENCE_MS = 60_000;
/** Softphones that were told the same time come within a quarter of it afterwards; and an attach may take so long, ms. */
const SPREAD = 0.25;
const ATTACH_MS = 5000;

/**
 * Whether a softphone that has just been started, and that nobody takes, is to wait: when a supernode that is full has said when
 * there may be room, and that is soon enough.
 */
export class StartPatience {
  readonly #endsAtMs: number;
  /** When it will be known whether there is room, by supernode. */
  readonly #knownAtMs = new Map<string, number>();

  constructor(nowMs: number) {
    this.#endsAtMs = nowMs + START_PATIENCE_MS;
  }

  /** @param retryAfterMs as the supernode said; undefined where it refused for good, or did not answer */
  handleFailed(id: string, retryAfterMs: number | undefined, nowMs: number): void {
    this.#knownAtMs.delete(id);
    if (retryAfterMs === undefined) return;
    const knownAtMs = nowMs + retryAfterMs * (1 + SPREAD) + ATTACH_MS;
    if (knownAtMs <= this.#endsAtMs) this.#knownAtMs.set(id, knownAtMs);
  }

  /** Until when to wait; null when nothing is to be hoped for. */
  waitsUntilMs(nowMs: number): number | null {
    const latest = Math.max(Number.NEGATIVE_INFINITY, ...this.#knownAtMs.values());
    return latest > nowMs ? latest : null;
  }
}

import { FIRST_ROUND } from './attempt-pace.ts';

/** As long as a call rings, ms: whoever started a softphone waits no longer for room at a supernode. */
export const START_PATIENCE_MS = 60_000;
/** Softphones that were told the same time come within a quarter of it afterwards; and an attach may take so long, ms. */
const SPREAD = 0.25;
const ATTACH_MS = 5000;
/** An attach that failed after so long got no answer: a refusal, or a host without a supernode, is quicker, ms. */
const UNANSWERED_MS = 4000;

export interface FailedTry {
  /** How long it was tried, ms. */
  tookMs: number;
  /** As the supernode said; undefined where it refused for good, or did not answer. */
  retryAfterMs: number | undefined;
}

/**
 * Whether a softphone that has just been started, and that nobody takes, is to wait: when a supernode that is full has said when
 * there may be room, and that is soon enough.
 */
export class StartPatience {
  readonly #endsAtMs: number;
  /** When it will be known whether there is room, by supernode. */
  readonly #knownAtMs = new Map<string, number>();
  /** How often each supernode has failed. */
  readonly #failures = new Map<string, number>();
  /** Those that did not answer: packets may have got lost, so that each of them is tried twice. */
  readonly #unanswered = new Set<string>();

  constructor(nowMs: number) {
    this.#endsAtMs = nowMs + START_PATIENCE_MS;
  }

  handleFailed(id: string, { tookMs, retryAfterMs }: FailedTry, nowMs: number): void {
    this.#failures.set(id, (this.#failures.get(id) ?? 0) + 1);
    if (tookMs >= UNANSWERED_MS) this.#unanswered.add(id);
    this.#knownAtMs.delete(id);
    if (retryAfterMs === undefined) return;
    const knownAtMs = nowMs + retryAfterMs * (1 + SPREAD) + ATTACH_MS;
    if (knownAtMs <= this.#endsAtMs) this.#knownAtMs.set(id, knownAtMs);
  }

  /**
   * Whether all of so many listed supernodes have had their tries, or a whole round has failed. One that refuses at once fails several
   * times while another one is waited for: that leaves the other its second try.
   */
  isTriedOut(listed: number): boolean {
    const tries = [...this.#failures];
    const all = tries.reduce((sum, [, failures]) => sum + failures, 0);
    const done = tries.filter(([id, failures]) => failures > (this.#unanswered.has(id) ? 1 : 0));
    return all >= FIRST_ROUND || done.length >= listed;
  }

  /** Until when to wait; null when nothing is to be hoped for. */
  waitsUntilMs(nowMs: number): number | null {
    const latest = Math.max(Number.NEGATIVE_INFINITY, ...this.#knownAtMs.values());
    return latest > nowMs ? latest : null;
  }
}

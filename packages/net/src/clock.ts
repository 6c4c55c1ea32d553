/** Milliseconds that never step back: the `nowMs` of every state machine. Not a date. */
export function monotonicMs(): number {
  return performance.now();
}

const waitFor = (dueMs: number): number => Math.max(0, Math.ceil(dueMs - monotonicMs()));

/** Runs a state machine's one deadline on one timer. */
export class DeadlineTimer {
  readonly #onDue: () => void;
  #timer: NodeJS.Timeout | null = null;
  #dueMs: number | null = null;

  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** `dueMs` is on {@link monotonicMs}; null for nothing to wait for. Cheap when it has not changed. */
  set(dueMs: number | null): void {
    if (dueMs === this.#dueMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    // Rounded up: Node cuts off fractions, and would wake twice, early and on time.
    this.#timer = dueMs === null ? null : setTimeout(() => this.#fire(), waitFor(dueMs));
  }

  #fire(): void {
    // Node's timers may fire a fraction of a millisecond early.
    const early = (this.#dueMs ?? 0) - monotonicMs();
    if (early > 0) {
      this.#timer = setTimeout(() => this.#fire(), Math.ceil(early));
      return;
    }
    this.#timer = null;
    this.#dueMs = null;
    this.#onDue();
  }
}

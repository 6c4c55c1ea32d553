/** Milliseconds that never step back: the `nowMs` of every state machine. Not a date. */
export function monotonicMs(): number {
  return performance.now();
}

/** Node waits for a millisecond where it is asked for more, ms: what is further away is looked at again by then. */
const MAX_WAIT_MS = 0x7fffffff;

interface Waiting {
  dueMs: number;
  readonly onDue: () => void;
}

/**
 * All that waits, on one timer of Node's for the earliest. In a call deadlines move with every packet, nearly always further away, and what comes next
 * is nearly always the frame of sound that is due: a timer for each was made anew a hundred times a second. When the earliest moves away,
 * the timer goes off once for nothing.
 */
class SharedTimer {
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | null = null;
  #goesOffAtMs = Number.POSITIVE_INFINITY;
  #isGoingOff = false;

  add(one: Waiting): void {
    this.#waiting.add(one);
    this.#goOffAt(one.dueMs);
  }

  delete(one: Waiting): void {
    if (this.#waiting.delete(one) && this.#waiting.size === 0) this.#stop();
  }

  #goOffAt(dueMs: number): void {
    if (dueMs >= this.#goesOffAtMs || this.#isGoingOff) return;
    this.#stop();
    this.#goesOffAtMs = dueMs;
    // Rounded up: Node cuts off fractions, and would wake twice, early and on time.
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(0, Math.ceil(dueMs - monotonicMs())));
    this.#timer = setTimeout(() => this.#goOff(), waitMs);
  }

  #stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#goesOffAtMs = Number.POSITIVE_INFINITY;
  }

  #goOff(): void {
    this.#stop();
    const nowMs = monotonicMs();
    this.#isGoingOff = true;
    try {
      const due = [...this.#waiting].filter(({ dueMs }) => dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs);
      for (const one of due) {
        // What came before may have put it off.
        if (one.dueMs > nowMs || !this.#waiting.delete(one)) continue;
        one.onDue();
      }
    } finally {
      this.#isGoingOff = false;
      let nextMs = Number.POSITIVE_INFINITY;
      for (const { dueMs } of this.#waiting) nextMs = Math.min(nextMs, dueMs);
      if (this.#waiting.size > 0) this.#goOffAt(nextMs);
    }
  }
}

const shared = new SharedTimer();

/** Runs a state machine's one deadline. */
export class DeadlineTimer {
  readonly #waiting: Waiting;

  constructor(onDue: () => void) {
    this.#waiting = { dueMs: Number.POSITIVE_INFINITY, onDue };
  }

  /** `dueMs` is on {@link monotonicMs}; null for nothing to wait for. Cheap, above all when it is not the next of all to be due. */
  set(dueMs: number | null): void {
    if (dueMs === null) {
      shared.delete(this.#waiting);
      return;
    }
    this.#waiting.dueMs = dueMs;
    shared.add(this.#waiting);
  }
}

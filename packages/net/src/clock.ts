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

/** Where time comes from. Tests put another one in the place of Node's, and Node's own back. */
const timeSource = () => ({ setTimeout, clearTimeout, performance, now: performance.now });
type TimeSource = ReturnType<typeof timeSource>;

/**
 * All that waits, on one timer of Node's for the earliest. In a call deadlines move with every packet, nearly always further away, and what comes next
 * is nearly always the frame of sound that is due: a timer for each was made anew a hundred times a second. When the earliest moves away,
 * the timer goes off once for nothing.
 */
class SharedTimer {
  readonly #source: TimeSource;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | null = null;
  #goesOffAtMs = Number.POSITIVE_INFINITY;
  #isGoingOff = false;

  constructor(source: TimeSource) {
    this.#source = source;
  }

  get isOfNow(): boolean {
    return setTimeout === this.#source.setTimeout && performance.now === this.#source.now;
  }

  #nowMs(): number {
    return this.#source.now.call(this.#source.performance);
  }

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
    const { setTimeout } = this.#source;
    // Rounded up: Node cuts off fractions, and would wake twice, early and on time.
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(0, Math.ceil(dueMs - this.#nowMs())));
    this.#timer = setTimeout(() => this.#goOff(), waitMs);
  }

  #stop(): void {
    const { clearTimeout } = this.#source;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#goesOffAtMs = Number.POSITIVE_INFINITY;
  }

  #goOff(): void {
    this.#stop();
    const nowMs = this.#nowMs();
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

let shared = new SharedTimer(timeSource());

/**
 * The timer of the time that counts now. With one that outlived its time, nothing would ever be due again: what a test's clock had yet to
 * reach lay before all that was set afterwards.
 */
function sharedTimer(): SharedTimer {
  if (!shared.isOfNow) shared = new SharedTimer(timeSource());
  return shared;
}

/** Runs a state machine's one deadline. */
export class DeadlineTimer {
  readonly #waiting: Waiting;
  #timer: SharedTimer | null = null;

  constructor(onDue: () => void) {
    this.#waiting = { dueMs: Number.POSITIVE_INFINITY, onDue };
  }

  /** `dueMs` is on {@link monotonicMs}; null for nothing to wait for. Cheap, above all when it is not the next of all to be due. */
  set(dueMs: number | null): void {
    if (dueMs === null) {
      this.#timer?.delete(this.#waiting);
      return;
    }
    const timer = sharedTimer();
    if (timer !== this.#timer) this.#timer?.delete(this.#waiting);
    this.#timer = timer;
    this.#waiting.dueMs = dueMs;
    timer.add(this.#waiting);
  }
}

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
const waiting = new Set<Waiting>();
let timer: NodeJS.Timeout | null = null;
let goesOffAtMs = Number.POSITIVE_INFINITY;
let isGoingOff = false;

function goOffAt(dueMs: number): void {
  if (dueMs >= goesOffAtMs || isGoingOff) return;
  stop();
  goesOffAtMs = dueMs;
  // Rounded up: Node cuts off fractions, and would wake twice, early and on time.
  timer = setTimeout(goOff, Math.min(MAX_WAIT_MS, Math.max(0, Math.ceil(dueMs - monotonicMs()))));
}

function stop(): void {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  goesOffAtMs = Number.POSITIVE_INFINITY;
}

function goOff(): void {
  stop();
  const nowMs = monotonicMs();
  isGoingOff = true;
  try {
    for (const one of [...waiting].filter(({ dueMs }) => dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs)) {
      // What came before may have put it off.
      if (one.dueMs > nowMs || !waiting.delete(one)) continue;
      one.onDue();
    }
  } finally {
    isGoingOff = false;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { dueMs } of waiting) nextMs = Math.min(nextMs, dueMs);
    if (waiting.size > 0) goOffAt(nextMs);
  }
}

/** Runs a state machine's one deadline. */
export class DeadlineTimer {
  readonly #waiting: Waiting;

  constructor(onDue: () => void) {
    this.#waiting = { dueMs: Number.POSITIVE_INFINITY, onDue };
  }

  /** `dueMs` is on {@link monotonicMs}; null for nothing to wait for. Cheap, above all when it is not the next of all to be due. */
  set(dueMs: number | null): void {
    if (dueMs === null) {
      if (waiting.delete(this.#waiting) && waiting.size === 0) stop();
      return;
    }
    this.#waiting.dueMs = dueMs;
    waiting.add(this.#waiting);
    goOffAt(dueMs);
  }
}

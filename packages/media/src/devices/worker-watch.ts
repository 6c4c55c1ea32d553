/** Blocks of 10 ms that may be under way to the worker and back. */
const MAX_UNDER_WAY = 30;
/** An answer takes 1 to 5 ms. What has none after so long, ms, is not waited for: the capture buffer would run dry. */
const PATIENCE_MS = 100;
/** Late for so much longer than it kept up, ms: it hangs, or this machine is too slow for it. */
const GIVE_UP_MS = 3000;
/** Loading takes 0.2 s, and some seconds on a busy machine; for ever when something hangs, ms. */
const LOAD_PATIENCE_MS = 10_000;
/**
 * Blocks come every 10 ms. A longer time between two of them, ms, counts as this: we slept, or there was no microphone, and
 * answers may be waiting to be read.
 */
const LONGEST_STEP_MS = 20;
/** Frames for the echo canceller that may be sent without any answer, a second: they are not answered themselves. */
const MAX_UNANSWERED_FRAMES = 50;

/**
 * Decides for each block of the microphone whether a worker processes it or it passes as it is: so that a worker that is late
 * costs the processing, and never the sound. Pure.
 *
 * Loading, then working; late when an answer is overdue, and working again once all it was sent is answered; given up when
 * it was late for too long.
 */
export class WorkerWatch {
  #state: 'loading' | 'working' | 'late' | 'given-up' = 'loading';
  #lastMs: number;
  /** Time that we were awake; all times below are on this clock. */
  #awakeMs = 0;
  /** When the blocks that are under way were sent, oldest first. */
  readonly #sentAtMs: number[] = [];
  #lateMs = 0;
  #unansweredFrames = 0;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  /** It was late for so long that nobody waits for it any more. */
  get isGivenUp(): boolean {
    return this.#state === 'given-up';
  }

  handleReady(): void {
    if (this.#state === 'loading') this.#state = 'working';
  }

  /** Whether the next block is to be sent. If not, what is under way is to be passed as it is, and then this block. */
  handleBlock(nowMs: number): boolean {
    this.#advance(nowMs);
    if (this.#state === 'loading' && this.#awakeMs >= LOAD_PATIENCE_MS) this.#state = 'given-up';
    if (this.#state === 'working' && this.#isOverdue) this.#state = 'late';
    if (this.#lateMs >= GIVE_UP_MS) this.#state = 'given-up';
    if (this.#state !== 'working') return false;
    this.#sentAtMs.push(this.#awakeMs);
    return true;
  }

  get #isOverdue(): boolean {
    const oldest = this.#sentAtMs[0];
    if (oldest === undefined) return false;
    return this.#awakeMs - oldest > PATIENCE_MS || this.#sentAtMs.length >= MAX_UNDER_WAY;
  }

  #advance(nowMs: number): void {
    const stepMs = Math.max(0, Math.min(LONGEST_STEP_MS, nowMs - this.#lastMs));
    this.#lastMs = nowMs;
    this.#awakeMs += stepMs;
    this.#lateMs = Math.max(0, this.#lateMs + (this.#state === 'late' ? stepMs : -stepMs));
  }

  /** Whether the answer, to the oldest block under way, is still wanted: else that block has passed as it is. */
  handleAnswer(): boolean {
    this.#unansweredFrames = 0;
    const wasExpected = this.#sentAtMs.shift() !== undefined;
    const isWanted = wasExpected && this.#state === 'working';
    if (this.#state === 'late' && this.#sentAtMs.length === 0) this.#state = 'working';
    return isWanted;
  }

  /** Whether a frame that is played is to be sent as well. */
  handlePlayed(): boolean {
    if (this.#state !== 'working' || this.#unansweredFrames >= MAX_UNANSWERED_FRAMES) return false;
    this.#unansweredFrames++;
    return true;
  }
}

import { FRAME_MS, SAMPLE_RATE_HZ } from '../audio-format.ts';
import { hurried } from '../voice/time-stretch.ts';
import { DriftControl } from './drift-control.ts';
import { RateConverter } from './rate-converter.ts';

const SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000;
/** This much more than wanted, ms, is left over from a stall: it is said faster, until what waits is what should. */
const TOLERANCE_MS = 80;
/** More never waits, ms: of a player that has stopped for so long what comes then is thrown away. */
const MAX_WAITING_MS = 2000;
/** Bytes that may wait in this process because the pipe of a player without reports is full: 40 ms; then frames are thrown away. */
const MAX_UNSENT_BYTES = 40 * SAMPLES_PER_MS * 2;
/**
 * When we were held up, so many frames at least are wanted afterwards; and so much more should wait from then on, up to so much, ms: on a
 * machine that is often late the ear would hear gaps. So much is taken back with every frame, ms: a step in 20 s.
 */
const MIN_WANTED = 3;
const LATE_STEP_MS = 20;
const MAX_TARGET_MS = 200;
const DECAY_MS = 0.04;
/** Positions come every 50 to 100 ms. */
const REPORT_WEIGHT = 0.05;

/**
 * What is written to a player, frame by frame, so that it neither runs dry nor gets further and further behind: stretched
 * by what the player says of how far it is. Without reports everything is passed on as it is, as long as the pipe takes it.
 * Pure.
 */
export class PlaybackFeed {
  readonly #leastMs: number;
  readonly #drift: DriftControl;
  readonly #converter = new RateConverter();
  #writtenMs = 0;
  /** What was played when it was reported last, ms. */
  #playedMs = 0;
  /** A stall has piled up so much that it is to be made good. */
  #isBehind = false;
  #hasReports = false;
  #droppedFrames = 0;

  /** @param targetMs what should wait between us and what was reported as played */
  constructor(targetMs: number) {
    this.#leastMs = targetMs;
    this.#drift = new DriftControl(targetMs);
  }

  get droppedFrames(): number {
    return this.#droppedFrames;
  }

  /** What waits on average, ms; null while nothing was reported. */
  get waitingMs(): number | null {
    return this.#hasReports ? this.#drift.meanMs : null;
  }

  /** So much has been played of what was written. */
  handlePlayed(playedMs: number): void {
    if (playedMs <= 0) return;
    this.#hasReports = true;
    this.#playedMs = playedMs;
    const excessMs = this.#writtenMs - playedMs - this.#drift.targetMs;
    if (excessMs > TOLERANCE_MS) this.#isBehind = true;
    if (excessMs < FRAME_MS) this.#isBehind = false;
    if (this.#isBehind) this.#drift.reset();
    else this.#drift.note(this.#writtenMs - playedMs, REPORT_WEIGHT);
  }

  /**
   * How many of the frames that are due are wanted. After more of them than the player had to play it has run dry, and starts anew
   * with those.
   */
  wants(due: number): number {
    if (due <= MIN_WANTED) return due;
    if (this.#hasReports) this.#drift.targetMs = Math.min(MAX_TARGET_MS, this.#drift.targetMs + LATE_STEP_MS);
    return Math.min(due, Math.max(MIN_WANTED, Math.ceil(this.#drift.targetMs / FRAME_MS)));
  }

  /** What to write for this frame; null when it is left out. `unsentBytes`: what the pipe has not taken yet. */
  handleFrame(frame: Int16Array, unsentBytes: number): Int16Array | null {
    if (this.#isFull(unsentBytes)) {
      this.#droppedFrames++;
      return null;
    }
    this.#drift.targetMs = Math.max(this.#leastMs, this.#drift.targetMs - DECAY_MS);
    const samples = this.#converter.convert(this.#isBehind ? hurried(frame) : frame, this.#drift.ratio);
    this.#writtenMs += samples.length / SAMPLES_PER_MS;
    return samples;
  }

  #isFull(unsentBytes: number): boolean {
    if (!this.#hasReports) return unsentBytes > MAX_UNSENT_BYTES;
    const waitingMs = Math.max(this.#writtenMs - this.#playedMs, unsentBytes / 2 / SAMPLES_PER_MS);
    return waitingMs > MAX_WAITING_MS;
  }
}

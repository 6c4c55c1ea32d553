import { FRAME_MS } from '@overcall/media';
import { DelayWatch } from './delay-watch.ts';
import type { JitterBuffer, JitterBufferStats, Pulled } from './pulled.ts';

export interface FixedJitterBufferOptions {
  /** How long a frame that came without jitter waits. */
  targetMs?: number;
}

const DEFAULT_TARGET_MS = 60;
/** Frames kept at most; a number further ahead than this, or behind, is a jump. */
const MAX_FRAMES = 50;
/** Further ahead than the target by this much, the delay is cut at once instead of frame by frame. */
const SURPLUS_FRAMES = 12;
/** A stray number does not move the buffer; this many jumped ones in a row, near each other, do. */
const JUMP_FRAMES = 3;
/** Moments without any frame after which playing stops, to begin again with the full target. */
const STARVED_PULLS = 25;
/** Frames remembered as played, to tell a duplicate from a late one. */
const REMEMBERED_FRAMES = 128;

/**
 * A jitter buffer with one target. Playing begins when the first frame has waited for the target; from then on each
 * pull stands for the next frame number, come or not. {@link DelayWatch} corrects by a frame where the two clocks or
 * the path drift away; a jump of the numbers starts it anew.
 */
export class FixedJitterBuffer implements JitterBuffer {
  readonly #targetMs: number;
  readonly #targetFrames: number;
  readonly #watch: DelayWatch;
  readonly #frames = new Map<number, { opus: Uint8Array; arrivedAtMs: number }>();
  readonly #played = new Float64Array(REMEMBERED_FRAMES).fill(-1);
  readonly #stats: JitterBufferStats = {
    lateFrames: 0,
    duplicateFrames: 0,
    skippedFrames: 0,
    insertedFrames: 0,
    resyncs: 0,
  };
  /** Number that the next pull stands for; while not playing, the lowest that may still be played. */
  #next = 0;
  #playing = false;
  #startAtMs = 0;
  #nextPullMs = 0;
  /** Pulls that conceal without moving on, to let the delay grow. */
  #holdPulls = 0;
  #shorten = false;
  #starvedPulls = 0;
  #jumps = 0;
  #lastJumpNumber = 0;
  #delayMs: number;

  constructor(options: FixedJitterBufferOptions = {}) {
    this.#targetMs = options.targetMs ?? DEFAULT_TARGET_MS;
    this.#targetFrames = Math.round(this.#targetMs / FRAME_MS);
    this.#watch = new DelayWatch(this.#targetMs, FRAME_MS);
    this.#delayMs = this.#targetMs;
  }

  get playoutDelayMs(): number {
    return this.#delayMs;
  }

  get stats(): Readonly<JitterBufferStats> {
    return this.#stats;
  }

  push(frameNumber: number, opus: Uint8Array, nowMs: number): void {
    if (this.#isDuplicate(frameNumber)) {
      this.#stats.duplicateFrames += 1;
      return;
    }
    if (this.#playing) this.#observe(frameNumber, nowMs);
    if (this.#isJump(frameNumber)) {
      if (!this.#confirmJump(frameNumber, nowMs)) return;
    } else if (frameNumber < this.#next) {
      this.#stats.lateFrames += 1;
      return;
    }
    if (!this.#playing && this.#frames.size === 0) this.#startAtMs = nowMs + this.#targetMs;
    this.#frames.set(frameNumber, { opus, arrivedAtMs: nowMs });
    if (!this.#playing) this.#keepNewest(MAX_FRAMES);
  }

  pull(nowMs: number): Pulled {
    this.#nextPullMs = nowMs + FRAME_MS;
    if (!this.#playing && !this.#tryStart(nowMs)) return { kind: 'empty' };
    if (this.#holdPulls > 0) {
      this.#holdPulls -= 1;
      return { kind: 'lost', next: null };
    }
    this.#applyShortening();
    const number = this.#next;
    this.#next += 1;
    const frame = this.#frames.get(number);
    if (!frame) return this.#lost();
    this.#starvedPulls = 0;
    this.#frames.delete(number);
    this.#played[number % REMEMBERED_FRAMES] = number;
    this.#delayMs += (nowMs - frame.arrivedAtMs - this.#delayMs) / 16;
    return { kind: 'frame', opus: frame.opus };
  }

  #isDuplicate(frameNumber: number): boolean {
    return this.#frames.has(frameNumber) || this.#played[frameNumber % REMEMBERED_FRAMES] === frameNumber;
  }

  #observe(frameNumber: number, nowMs: number): void {
    const ahead = frameNumber - this.#next;
    if (Math.abs(ahead) > MAX_FRAMES) return;
    const dueAtMs = this.#nextPullMs + (ahead + this.#holdPulls) * FRAME_MS;
    const verdict = this.#watch.observe(dueAtMs - nowMs);
    if (verdict.kind === 'shorten') this.#shorten = true;
    if (verdict.kind === 'lengthen') {
      this.#holdPulls += verdict.frames;
      this.#stats.insertedFrames += verdict.frames;
    }
  }

  #isJump(frameNumber: number): boolean {
    const ahead = frameNumber - this.#next;
    const tooFarAhead = this.#playing && ahead > this.#targetFrames + SURPLUS_FRAMES;
    if (!tooFarAhead && ahead >= -MAX_FRAMES) {
      this.#jumps = 0;
      return false;
    }
    return true;
  }

  /** Counts a jumped number; with enough of them begins anew around it and returns true. */
  #confirmJump(frameNumber: number, nowMs: number): boolean {
    const near = Math.abs(frameNumber - this.#lastJumpNumber) <= MAX_FRAMES;
    this.#jumps = near ? this.#jumps + 1 : 1;
    this.#lastJumpNumber = frameNumber;
    if (this.#jumps < JUMP_FRAMES) {
      this.#stats.lateFrames += 1;
      return false;
    }
    this.#stats.resyncs += 1;
    this.#stats.skippedFrames += this.#frames.size;
    this.#frames.clear();
    this.#playing = false;
    this.#startAtMs = nowMs + this.#targetMs;
    this.#next = frameNumber;
    this.#forget();
    return true;
  }

  #tryStart(nowMs: number): boolean {
    if (this.#frames.size === 0 || nowMs < this.#startAtMs) return false;
    this.#keepNewest(this.#targetFrames + 2);
    this.#next = Math.min(...this.#frames.keys());
    this.#playing = true;
    this.#forget();
    return true;
  }

  /** Drops what is older than the newest `count` numbers: after a stall, the present matters. */
  #keepNewest(count: number): void {
    const newest = Math.max(...this.#frames.keys());
    for (const number of this.#frames.keys()) {
      if (number > newest - count) continue;
      this.#frames.delete(number);
      this.#stats.skippedFrames += 1;
    }
  }

  #applyShortening(): void {
    if (!this.#shorten) return;
    this.#shorten = false;
    if (this.#frames.delete(this.#next)) this.#stats.skippedFrames += 1;
    this.#next += 1;
  }

  #lost(): Pulled {
    this.#starvedPulls = this.#frames.size === 0 ? this.#starvedPulls + 1 : 0;
    if (this.#starvedPulls >= STARVED_PULLS) {
      this.#playing = false;
      this.#next -= STARVED_PULLS;
      return { kind: 'empty' };
    }
    return { kind: 'lost', next: this.#frames.get(this.#next)?.opus ?? null };
  }

  #forget(): void {
    this.#watch.reset();
    this.#holdPulls = 0;
    this.#shorten = false;
    this.#starvedPulls = 0;
    this.#jumps = 0;
  }
}

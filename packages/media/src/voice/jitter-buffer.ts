import { ArrivalDelays } from './arrival-delays.ts';

/** Audio as it came out of one packet. Numbers count frames of 20 ms and are whole ones, not the low bits of the wire. */
export interface ReceivedAudio {
  /** Of the first frame in `opus`. */
  number: number;
  /** Frames of 20 ms in `opus`, 1 to 3. */
  frames: number;
  opus: Uint8Array;
  /** Earlier frames that the packet repeats. */
  copies: readonly { number: number; frames: number; opus: Uint8Array }[];
  /** Whether `opus` also holds what was before it (in-band FEC). */
  hasFec: boolean;
}

export type Stretch = 'none' | 'shorten' | 'lengthen' | 'shorten-now';

/** What is to be played next. */
export type Pulled =
  /** Decode this, and bring it nearer to the delay that is wanted. */
  | { kind: 'frame'; opus: Uint8Array; stretch: Stretch }
  /**
   * A frame is given up: conceal 20 ms. `next` is what comes after the `gapFrames` that are missing, if it is there; its in-band
   * FEC may hold these.
   */
  | { kind: 'lost'; next: Uint8Array | null; gapFrames: number }
  /** The frame may still come: conceal 20 ms meanwhile, the delay grows by them. */
  | { kind: 'wait' }
  /** Nobody speaks: comfort noise for 20 ms. */
  | { kind: 'pause' }
  /** Playing has not begun, or stopped because nothing came for a while: silence. */
  | { kind: 'empty' };

export interface JitterBufferStats {
  /** Frames that came after they had been given up, and nothing of them before. */
  lateFrames: number;
  /** Packets whose frames were there already. */
  duplicateFrames: number;
  /** Frames that were passed over: neither received in time nor recovered. */
  lostFrames: number;
  /** Frames left out because the delay had become far too long. */
  skippedFrames: number;
  /** Times that playing began anew after a jump of the numbers. */
  resyncs: number;
}

const FRAME_MS = 20;
/** Lowest delay that is aimed at: ticks and packets come some ms late on any machine. */
const MIN_TARGET_MS = 10;
/** What is added to what jitter asks for, ms. */
const MARGIN_MS = 5;
/** Above the target by this, ms, a whole frame waits for nothing; by the second one, it is urgent; by the third, frames are left out. */
const SHORTEN_ABOVE_MS = FRAME_MS + 2;
const SHORTEN_NOW_ABOVE_MS = 60;
const SKIP_ABOVE_MS = 300;
/** So much of what is decoded and waits for its tick can be spared, ms: no frame is shortened by more. */
const SPARE_PENDING_MS = 10;
/** Further below than this, ms, frames are lengthened. */
const LENGTHEN_BELOW_MS = 6;
/** Frames left as they are after one that was stretched without hurry. */
const REST_FRAMES = 2;
/** Playing ends after so long without anything to play, ms. */
const STARVED_MS = 500;
/** Numbers further ahead or behind than this are a jump; this many in a row begin anew there, and so do these many late ones. */
const JUMP_FRAMES = 45;
const JUMPS_TO_RESYNC = 3;
const LATE_TO_RESYNC = 10;
/** Most packets that are kept. */
const MAX_KEPT = 150;
/** Numbers remembered as played or given up, to tell late ones from copies. */
const REMEMBERED = 256;
/** Copies of what was so many frames before are not waited for: nobody sends them. */
const MAX_DEPTH_FRAMES = 20;
/** A depth of copies that a packet shows counts for so long, ms. */
const DEPTH_LASTS_MS = 1000;
/** Weight of a new value in the delay that is reported and steered by. */
const DELAY_GAIN = 1 / 8;
/** A pause that is not repeated for so long, ms, is none any more: the path may be dead. */
const PAUSE_LASTS_MS = 400;

/**
 * Puts frames into order and decides when each is played. The delay follows the jitter that is measured ({@link ArrivalDelays})
 * and the depth of copies that the sender uses: deeper ones are waited for. It changes by stretching what is
 * played, so the clocks of the two sides need not agree either.
 *
 * All delays are relative to a packet of 20 ms that came as early as any lately. Pure: time is passed in, monotonic.
 */
export class JitterBuffer {
  readonly stats: JitterBufferStats = {
    lateFrames: 0,
    duplicateFrames: 0,
    lostFrames: 0,
    skippedFrames: 0,
    resyncs: 0,
  };
  readonly #arrivals = new ArrivalDelays();
  readonly #kept = new Map<number, { opus: Uint8Array; frames: number }>();
  readonly #played = new Float64Array(REMEMBERED).fill(-1);
  #isPlaying = false;
  /** Number that is played next. */
  #next = 0;
  /** Concealed since the last frame without moving on, ms. */
  #heldMs = 0;
  #starvedMs = 0;
  #delayMs = 0;
  #restFrames = 0;
  #depthFrames = 0;
  #depthUntilMs = 0;
  /** From that number on nothing is said, until audio is there; null: no pause is known of. */
  #pauseFrom: number | null = null;
  #pauseEndsAtMs = 0;
  #newest = -1;
  #jumps = 0;
  #lateInRow = 0;
  #lastJump = 0;
  #lastPushed = 0;

  /** Delay that is aimed at, ms. */
  get targetMs(): number {
    const jitterMs = this.#arrivals.spreadMs + MARGIN_MS;
    return Math.max(MIN_TARGET_MS, jitterMs) + this.#depthFrames * FRAME_MS;
  }

  /** How much later frames are played than they could be if every packet came as early as the earliest, ms. */
  get playoutDelayMs(): number {
    return Math.max(0, this.#delayMs);
  }

  /** Packets that wait to be played. */
  get keptPackets(): number {
    return this.#kept.size;
  }

  push(audio: ReceivedAudio, nowMs: number): void {
    if (this.#isJump(audio.number) && !this.#confirmJump(audio.number)) return;
    if (!this.#isPlaying && this.#kept.size === 0) this.#arrivals.reset();
    this.#lastPushed = audio.number;
    this.#newest = Math.max(this.#newest, audio.number);
    this.#observe(audio.number + audio.frames, nowMs);
    this.#noteDepth(audio, nowMs);
    const isNew = this.#keep(audio.number, audio);
    if (!isNew) this.#noteUseless(audio.number);
    else this.#lateInRow = 0;
    for (const copy of audio.copies)
      if (copy.number >= 0 && copy.number < audio.number) this.#keep(copy.number, copy);
  }

  /** From that number on nothing is said, until audio comes again: the gap is no loss, and costs no delay. */
  pause(number: number, nowMs: number): void {
    // Before audio began there is nothing to pause; one that audio overtook is over; one far away is nonsense.
    if (!this.#isPlaying || number < this.#newest || Math.abs(number - this.#next) > JUMP_FRAMES) return;
    this.#observe(number + 1, nowMs);
    this.#pauseFrom ??= number;
    this.#pauseEndsAtMs = nowMs + PAUSE_LASTS_MS;
    if (this.#kept.size === 0 && this.#next >= this.#pauseFrom) this.#next = Math.max(this.#next, number);
  }

  #observe(end: number, nowMs: number): void {
    const { baseMs } = this.#arrivals;
    this.#arrivals.observe(nowMs - end * FRAME_MS, nowMs);
    this.#delayMs -= this.#arrivals.baseMs - baseMs;
  }

  /** @param pendingMs what is decoded and has not been played yet */
  pull(nowMs: number, pendingMs: number): Pulled {
    if (!this.#isPlaying && !this.#tryStart(nowMs)) return { kind: 'empty' };
    if (this.#isPausing(nowMs)) return { kind: 'pause' };
    this.#skipSurplus(nowMs);
    if (!this.#isPlaying) return { kind: 'empty' };
    const slackMs = this.#slackAt(this.#next, nowMs);
    if (!this.#kept.has(this.#next)) {
      const later = this.#earliestKept() ?? this.#pauseFrom;
      if (later === null) return this.#starve();
      const gapFrames = later - this.#next;
      // What was concealed while waiting stands for what turned out to be lost.
      if (this.#heldMs >= gapFrames * FRAME_MS) {
        this.#giveUp(gapFrames);
        if (!this.#kept.has(later)) return { kind: 'pause' };
      } else if (slackMs < this.targetMs) return this.#wait();
      else return this.#lost(later);
    }
    return this.#play(this.#slackAt(this.#next, nowMs) + pendingMs, pendingMs);
  }

  /** In-band FEC brought back the frame that was given up last, and so many frames in all from it on. */
  noteRecovered(frames: number): void {
    this.stats.lostFrames--;
    for (let i = 1; i < frames; i++) this.#remember(this.#next++);
  }

  /**
   * How long the frame of that number could have been here by now. It is played later than that by what is pending; but this is what has
   * to be above jitter.
   */
  #slackAt(number: number, nowMs: number): number {
    return nowMs - (number + 1) * FRAME_MS - this.#arrivals.baseMs;
  }

  #noteDepth({ number, frames, copies, hasFec }: ReceivedAudio, nowMs: number): void {
    let depth = frames - 1 + (hasFec ? frames : 0);
    for (const copy of copies) {
      const distance = number + frames - 1 - copy.number;
      if (distance <= MAX_DEPTH_FRAMES) depth = Math.max(depth, distance);
    }
    if (depth < this.#depthFrames && nowMs < this.#depthUntilMs) return;
    this.#depthFrames = depth;
    this.#depthUntilMs = nowMs + DEPTH_LASTS_MS;
  }

  /** False when it is of no use: played, given up, or there already. */
  #keep(number: number, { opus, frames }: { opus: Uint8Array; frames: number }): boolean {
    if ((this.#isPlaying && number < this.#next) || this.#kept.has(number)) return false;
    this.#kept.set(number, { opus, frames });
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#earliestKept(Number.NEGATIVE_INFINITY)!);
    return true;
  }

  #noteUseless(number: number): void {
    const wasThere = this.#kept.has(number) || this.#played[number % REMEMBERED] === number;
    if (wasThere) this.stats.duplicateFrames++;
    else this.stats.lateFrames++;
    if (this.#isPlaying && number < this.#next && ++this.#lateInRow >= LATE_TO_RESYNC) this.#beginAnew();
  }

  #isJump(number: number): boolean {
    if (this.#isPlaying && Math.abs(number - this.#next) > JUMP_FRAMES) return true;
    this.#jumps = 0;
    return false;
  }

  /** With enough of them, near each other, everything begins anew around there. */
  #confirmJump(number: number): boolean {
    const isNear = Math.abs(number - this.#lastJump) <= JUMP_FRAMES;
    this.#jumps = isNear ? this.#jumps + 1 : 1;
    this.#lastJump = number;
    if (this.#jumps < JUMPS_TO_RESYNC) {
      this.stats.lateFrames++;
      return false;
    }
    this.#beginAnew();
    return true;
  }

  #beginAnew(): void {
    this.stats.resyncs++;
    this.#kept.clear();
    this.#stop();
  }

  #stop(): void {
    this.#isPlaying = false;
    this.#pauseFrom = null;
    this.#newest = -1;
    this.#heldMs = 0;
    this.#starvedMs = 0;
    this.#jumps = 0;
    this.#lateInRow = 0;
  }

  #tryStart(nowMs: number): boolean {
    if (this.#kept.size === 0 || this.#arrivals.isEmpty) return false;
    // After a stall the present matters: nothing is played that is older than the delay wanted, or strayed.
    const oldest = this.#lastPushed - Math.ceil(this.targetMs / FRAME_MS) - 1;
    for (const number of this.#kept.keys())
      if (number < oldest || number > this.#lastPushed + JUMP_FRAMES) this.#kept.delete(number);
    if (this.#kept.size === 0) return false;
    const first = this.#earliestKept(Number.NEGATIVE_INFINITY)!;
    const slackMs = this.#slackAt(first, nowMs);
    if (slackMs < this.targetMs) return false;
    this.#next = first;
    this.#delayMs = slackMs;
    this.#isPlaying = true;
    return true;
  }

  #skipSurplus(nowMs: number): void {
    const surplusMs = this.#slackAt(this.#next, nowMs) - this.targetMs;
    if (surplusMs <= SKIP_ABOVE_MS || this.#earliestKept() === null) return;
    const to = this.#next + Math.floor(surplusMs / FRAME_MS);
    // Not even the newest is new enough: the base is that of strays.
    if (this.#earliestKept(to) === null) {
      this.#arrivals.reset();
      this.#stop();
      return;
    }
    for (const [number, { frames }] of this.#kept) {
      if (number >= to) continue;
      this.stats.skippedFrames += frames;
      this.#kept.delete(number);
    }
    this.#next = to;
    this.#delayMs = this.targetMs;
    this.#heldMs = 0;
  }

  #play(delayMs: number, pendingMs: number): Pulled {
    const frame = this.#kept.get(this.#next)!;
    this.#kept.delete(this.#next);
    for (let i = 0; i < frame.frames; i++) this.#remember(this.#next++);
    // What lies within the frame that was just played comes from a sender that groups its frames otherwise.
    for (const number of this.#kept.keys()) if (number < this.#next) this.#kept.delete(number);
    this.#delayMs += (delayMs - this.#delayMs) * (this.#heldMs > 0 ? 1 : DELAY_GAIN);
    this.#heldMs = 0;
    this.#starvedMs = 0;
    return { kind: 'frame', opus: frame.opus, stretch: this.#stretch(pendingMs) };
  }

  #stretch(pendingMs: number): Stretch {
    const surplusMs = this.#delayMs - pendingMs - this.targetMs;
    const canSpare = pendingMs >= SPARE_PENDING_MS;
    // A frame that is too short for its tick asks for the next one at once.
    const canShorten = canSpare || this.#kept.has(this.#next);
    if (surplusMs > SHORTEN_NOW_ABOVE_MS && canShorten) return 'shorten-now';
    if (surplusMs < -FRAME_MS) return 'lengthen';
    if (this.#restFrames > 0) {
      this.#restFrames--;
      return 'none';
    }
    if (canShorten && surplusMs > (canSpare ? 0 : SHORTEN_ABOVE_MS)) return 'shorten';
    return surplusMs < -LENGTHEN_BELOW_MS ? 'lengthen' : 'none';
  }

  /** What was played was so much longer (or shorter) than what was decoded. */
  noteStretched(ms: number): void {
    this.#delayMs += ms;
    this.#restFrames = REST_FRAMES;
  }

  /** Whether the next frame is within a pause. Where audio has come again, that is the next one from when it is due on. */
  #isPausing(nowMs: number): boolean {
    if (this.#pauseFrom === null || this.#next < this.#pauseFrom) return false;
    const resumed = this.#earliestKept();
    const isDue = resumed !== null && this.#slackAt(resumed, nowMs) >= this.targetMs;
    if (!isDue && (resumed !== null || nowMs < this.#pauseEndsAtMs)) return true;
    this.#pauseFrom = null;
    if (resumed === null) return false;
    this.#next = resumed;
    // The delay is what it is now, whatever it was before.
    this.#heldMs = FRAME_MS;
    return false;
  }

  #wait(): Pulled {
    this.#heldMs += FRAME_MS;
    return { kind: 'wait' };
  }

  #lost(later: number): Pulled {
    const gapFrames = later - this.#next;
    this.#giveUp(1);
    return { kind: 'lost', next: this.#kept.get(later)?.opus ?? null, gapFrames };
  }

  #giveUp(frames: number): void {
    this.#next += frames;
    this.stats.lostFrames += frames;
  }

  #starve(): Pulled {
    this.#starvedMs += FRAME_MS;
    if (this.#starvedMs <= STARVED_MS) return this.#wait();
    this.#stop();
    return { kind: 'empty' };
  }

  #remember(number: number): void {
    this.#played[number % REMEMBERED] = number;
  }

  /** Lowest number that is kept, from the next one on; null without any. */
  #earliestKept(from = this.#next): number | null {
    let earliest: number | null = null;
    for (const number of this.#kept.keys())
      if (number >= from && (earliest === null || number < earliest)) earliest = number;
    return earliest;
  }
}

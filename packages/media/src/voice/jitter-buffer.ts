import { FRAME_MS } from '../audio-format.ts';
import { ArrivalDelays } from './arrival-delays.ts';
import { CopyDepth } from './copy-depth.ts';
import { KeptPackets } from './kept-packets.ts';
import { JUMP_FRAMES, NumberJumps } from './number-jumps.ts';
import type { Pulled } from './pulled.ts';
import type { ReceivedAudio } from './received-audio.ts';
import { StretchChoice } from './stretch-choice.ts';

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

/** Lowest delay that is aimed at: ticks and packets come some ms late on any machine. */
const MIN_TARGET_MS = 10;
/** What is added to what jitter asks for, ms. */
const MARGIN_MS = 5;
/**
 * Above the target by this, ms, what is missing is passed over at once; and what is older than the second is left out: what came while nothing
 * was played is said faster, and who waits longer than that for an answer has asked again.
 */
const SKIP_ABOVE_MS = 300;
const MAX_BEHIND_MS = 2000;
/** Playing ends after so long without anything to play, ms. */
const STARVED_MS = 500;
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
  readonly #kept = new KeptPackets();
  readonly #depth = new CopyDepth();
  readonly #jumps = new NumberJumps();
  readonly #stretches = new StretchChoice();
  #isPlaying = false;
  /** Number that is played next. */
  #next = 0;
  /** Concealed since the last frame without moving on, ms. */
  #heldMs = 0;
  #starvedMs = 0;
  #delayMs = 0;
  /** From that number on nothing is said, until audio is there; null: no pause is known of. */
  #pauseFrom: number | null = null;
  #pauseEndsAtMs = 0;
  #newest = -1;
  #lastPushed = 0;

  /** Delay that is aimed at, ms. */
  get targetMs(): number {
    const jitterMs = this.#arrivals.spreadMs + MARGIN_MS;
    return Math.max(MIN_TARGET_MS, jitterMs) + this.#depth.frames * FRAME_MS;
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
    if (this.#isPlaying && !this.#belongsHere(audio.number)) return;
    if (!this.#isPlaying && this.#kept.size === 0) this.#arrivals.reset();
    this.#lastPushed = audio.number;
    this.#newest = Math.max(this.#newest, audio.number);
    this.#observe(audio.number + audio.frames, nowMs);
    this.#depth.note(audio, nowMs);
    if (this.#keep(audio)) this.#jumps.handleUseful();
    else this.#noteUseless(audio.number);
    for (const copy of audio.copies)
      if (copy.number >= 0 && copy.number < audio.number && !this.#kept.knows(copy.number)) this.#keep(copy);
  }

  #belongsHere(number: number): boolean {
    const verdict = this.#jumps.handle(number, this.#next, this.#newest);
    if (verdict === 'stray') this.stats.lateFrames++;
    if (verdict === 'resync') this.#beginAnew();
    return verdict !== 'stray';
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
    for (let i = 1; i < frames; i++) this.#kept.notePlayed(this.#next++);
  }

  /**
   * How long the frame of that number could have been here by now. It is played later than that by what is pending; but this is what has
   * to be above jitter.
   */
  #slackAt(number: number, nowMs: number): number {
    return nowMs - (number + 1) * FRAME_MS - this.#arrivals.baseMs;
  }

  /** False when it is of no use: played, given up, or there already. */
  #keep(packet: { number: number; opus: Uint8Array; frames: number }): boolean {
    if (this.#isPlaying && packet.number < this.#next) return false;
    return this.#kept.keep(packet.number, packet);
  }

  #noteUseless(number: number): void {
    if (this.#kept.knows(number)) this.stats.duplicateFrames++;
    else this.stats.lateFrames++;
    if (this.#isPlaying && number < this.#next && this.#jumps.handleLate()) this.#beginAnew();
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
    this.#jumps.reset();
  }

  #tryStart(nowMs: number): boolean {
    if (this.#kept.size === 0 || this.#arrivals.isEmpty) return false;
    // What a stall piled up is played, if it is not too old, and nothing that strayed.
    const oldest = this.#lastPushed - Math.ceil((this.targetMs + MAX_BEHIND_MS) / FRAME_MS);
    this.stats.skippedFrames += this.#kept.keepWithin(oldest, this.#lastPushed + JUMP_FRAMES);
    const first = this.#kept.earliest(Number.NEGATIVE_INFINITY);
    if (first === null) return false;
    const slackMs = this.#slackAt(first, nowMs);
    if (slackMs < this.targetMs) return false;
    this.#next = first;
    this.#delayMs = slackMs;
    this.#isPlaying = true;
    return true;
  }

  #skipSurplus(nowMs: number): void {
    const surplusMs = this.#slackAt(this.#next, nowMs) - this.targetMs;
    const earliest = this.#earliestKept();
    if (surplusMs <= SKIP_ABOVE_MS || earliest === null) return;
    const wanted = this.#next + Math.floor(surplusMs / FRAME_MS);
    // Not even the newest is new enough: the base is that of strays.
    if (this.#earliestKept(wanted) === null) {
      this.#arrivals.reset();
      this.#stop();
      return;
    }
    const oldest = this.#next + Math.ceil(Math.max(0, surplusMs - MAX_BEHIND_MS) / FRAME_MS);
    const to = Math.max(oldest, Math.min(earliest, wanted));
    if (to === this.#next) return;
    this.stats.skippedFrames += this.#kept.keepWithin(to);
    this.#delayMs -= (to - this.#next) * FRAME_MS;
    this.#next = to;
    this.#heldMs = 0;
  }

  #play(delayMs: number, pendingMs: number): Pulled {
    const frame = this.#kept.take(this.#next);
    for (let i = 0; i < frame.frames; i++) this.#kept.notePlayed(this.#next++);
    // What lies within the frame that was just played comes from a sender that groups its frames otherwise.
    this.#kept.keepWithin(this.#next);
    this.#delayMs += (delayMs - this.#delayMs) * (this.#heldMs > 0 ? 1 : DELAY_GAIN);
    this.#heldMs = 0;
    this.#starvedMs = 0;
    const surplusMs = this.#delayMs - pendingMs - this.targetMs;
    const stretch = this.#stretches.choose(surplusMs, pendingMs, this.#kept.has(this.#next));
    return { kind: 'frame', opus: frame.opus, stretch };
  }

  /** What was played was so much longer (or shorter) than what was decoded. */
  noteStretched(ms: number): void {
    this.#delayMs += ms;
    this.#stretches.noteStretched();
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

  /** Lowest number that is kept, from the next one on; null without any. */
  #earliestKept(from = this.#next): number | null {
    return this.#kept.earliest(from);
  }
}

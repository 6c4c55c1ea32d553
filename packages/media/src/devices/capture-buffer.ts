import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ, silentFrame } from '../audio-format.ts';
import { PcmQueue } from '../voice/pcm-queue.ts';
import { hurried } from '../voice/time-stretch.ts';
import { DriftControl } from './drift-control.ts';
import { RateConverter } from './rate-converter.ts';

const SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000;
/** What should wait on average when a frame is taken, ms: the frame, half a block of the device, and its unpunctuality. */
const TARGET_MS = FRAME_MS + 12;
/** On a machine that keeps it waiting more is better: so much is added each time it has run dry, up to so much, ms. */
const DRY_STEP_MS = 8;
const MAX_TARGET_MS = TARGET_MS + 48;
/** And so much is taken back with every frame, ms: a step in 16 s. */
const DECAY_MS = 0.01;
/** So much more than wanted, ms, is left over from a stall: what was said meanwhile is sent faster, until the delay is what it was. */
const TOLERANCE_MS = 80;
/** More is never kept, ms, and of more the oldest is thrown away: who waits so long for an answer has asked again. */
const MAX_WAITING_MS = 2000;
/** So often in a row a frame that is late may be asked for, some ms apart; with more frames than this due it is not waited for. */
const MAX_ASKED = 20;
const MAX_DUE = 25;

export interface CaptureStats {
  /** Frames of silence because the device had not delivered. */
  missingFrames: number;
  /** Thrown away after a long stall, samples. */
  droppedSamples: number;
  /** Left out by speaking faster after a stall, samples. */
  squeezedSamples: number;
}

/**
 * Between a microphone, which delivers blocks by its own clock, and the call, which takes a frame every 20 ms. Follows the
 * clock of the device by stretching; bounded; after it has run dry it waits until there is a little again, so that one late
 * block makes one gap and not many. What a stall has piled up is taken faster, without change of pitch, so that no word is lost. When it is the call that stalled, its frames are due before what the device delivered
 * meanwhile has been read: {@link isLate} tells. Pure.
 */
export class CaptureBuffer {
  readonly #drift = new DriftControl(TARGET_MS);
  readonly #stats: CaptureStats = { missingFrames: 0, droppedSamples: 0, squeezedSamples: 0 };
  #converter = new RateConverter();
  #samples = new Int16Array(0);
  /** What comes before these: less than a frame, left over when sound was taken faster. */
  #rest = new PcmQueue();
  #isFilling = true;
  /** A stall has piled up so much that it is taken faster. */
  #isBehind = false;
  /** Frames that are due by now, the next one included. */
  #due = 1;
  #asked = 0;

  get stats(): Readonly<CaptureStats> {
    return this.#stats;
  }

  get waitingMs(): number {
    return (this.#samples.length + this.#rest.length) / SAMPLES_PER_MS;
  }

  push(block: Int16Array): void {
    const stretched = this.#converter.convert(block, this.#drift.ratio);
    const joined = new Int16Array(this.#samples.length + stretched.length);
    joined.set(this.#samples);
    joined.set(stretched, this.#samples.length);
    this.#samples = joined;
    if (this.waitingMs > MAX_WAITING_MS) this.#shorten(MAX_WAITING_MS);
  }

  #shorten(toMs: number): void {
    const kept = this.#samples.slice(this.#samples.length - Math.round(toMs * SAMPLES_PER_MS));
    this.#stats.droppedSamples += this.#samples.length - kept.length;
    this.#samples = kept;
    this.#drift.reset();
  }

  /** Whether the next frame has not come yet and is worth waiting for: then ask again in some ms, before {@link pull}. */
  isLate(due: number): boolean {
    this.#due = Math.max(1, due);
    const isLate = !this.#isFilling && this.waitingMs < FRAME_MS && due <= MAX_DUE;
    this.#asked = isLate ? this.#asked + 1 : 0;
    return isLate && this.#asked <= MAX_ASKED;
  }

  /** The next 20 ms; silence when there are none. */
  pull(): Int16Array {
    // What the frames take that are due after this one.
    const laterMs = (this.#due - 1) * FRAME_MS;
    this.#due = Math.max(1, this.#due - 1);
    const { targetMs } = this.#drift;
    this.#noteWaiting(this.waitingMs - laterMs);
    if (this.#isFilling && this.waitingMs - laterMs >= targetMs) this.#isFilling = false;
    if (!this.#isFilling && this.waitingMs < FRAME_MS) this.#runDry();
    if (this.#isFilling) {
      this.#stats.missingFrames++;
      return silentFrame();
    }
    if (this.#isBehind) this.#drift.reset();
    else this.#drift.note(this.waitingMs - laterMs);
    this.#drift.targetMs = Math.max(TARGET_MS, targetMs - DECAY_MS);
    while (this.#isBehind && this.#rest.length < FRAME_SAMPLES && this.#samples.length >= FRAME_SAMPLES)
      this.#rest.put(this.#squeezed(this.#take(FRAME_SAMPLES)));
    if (this.#rest.length < FRAME_SAMPLES) this.#rest.put(this.#take(FRAME_SAMPLES - this.#rest.length));
    return this.#rest.take(FRAME_SAMPLES);
  }

  #noteWaiting(waitingMs: number): void {
    const { targetMs } = this.#drift;
    if (waitingMs > targetMs + TOLERANCE_MS) this.#isBehind = true;
    else if (waitingMs < targetMs + FRAME_MS) this.#isBehind = false;
  }

  /** The oldest that wait. */
  #take(count: number): Int16Array {
    const taken = this.#samples.subarray(0, count);
    this.#samples = this.#samples.subarray(count);
    return taken;
  }

  #squeezed(frame: Int16Array): Int16Array {
    const shorter = hurried(frame);
    this.#stats.squeezedSamples += frame.length - shorter.length;
    return shorter;
  }

  #runDry(): void {
    this.#isFilling = true;
    this.#drift.targetMs = Math.min(MAX_TARGET_MS, this.#drift.targetMs + DRY_STEP_MS);
  }

  /** The device was opened anew. */
  reset(): void {
    this.#samples = new Int16Array(0);
    this.#rest = new PcmQueue();
    this.#converter = new RateConverter();
    this.#drift.reset();
    this.#isFilling = true;
    this.#isBehind = false;
  }
}

import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ, silentFrame } from '../audio-format.ts';
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
/** So much more than wanted, ms, is left over from a stall and thrown away: delay that nobody would ever win back. */
const TOLERANCE_MS = 80;

export interface CaptureStats {
  /** Frames of silence because the device had not delivered. */
  missingFrames: number;
  /** Thrown away after a stall, samples. */
  droppedSamples: number;
}

/**
 * Between a microphone, which delivers blocks by its own clock, and the call, which takes a frame every 20 ms. Follows the
 * clock of the device by stretching; bounded; after it has run dry it waits until there is a little again, so that one late
 * block makes one gap and not many. Pure.
 */
export class CaptureBuffer {
  readonly #drift = new DriftControl(TARGET_MS);
  readonly #stats: CaptureStats = { missingFrames: 0, droppedSamples: 0 };
  #converter = new RateConverter();
  #samples = new Int16Array(0);
  #isFilling = true;

  get stats(): Readonly<CaptureStats> {
    return this.#stats;
  }

  get waitingMs(): number {
    return this.#samples.length / SAMPLES_PER_MS;
  }

  push(block: Int16Array): void {
    const stretched = this.#converter.convert(block, this.#drift.ratio);
    const joined = new Int16Array(this.#samples.length + stretched.length);
    joined.set(this.#samples);
    joined.set(stretched, this.#samples.length);
    const excess = joined.length - (this.#drift.targetMs + TOLERANCE_MS) * SAMPLES_PER_MS;
    this.#samples = excess > 0 ? this.#shorten(joined) : joined;
  }

  #shorten(samples: Int16Array): Int16Array<ArrayBuffer> {
    const kept = samples.slice(samples.length - Math.round(this.#drift.targetMs * SAMPLES_PER_MS));
    this.#stats.droppedSamples += samples.length - kept.length;
    this.#drift.reset();
    return kept;
  }

  /** The next 20 ms; silence when there are none. */
  pull(): Int16Array {
    if (this.#isFilling && this.waitingMs >= this.#drift.targetMs) this.#isFilling = false;
    if (!this.#isFilling && this.waitingMs < FRAME_MS) this.#runDry();
    if (this.#isFilling) {
      this.#stats.missingFrames++;
      return silentFrame();
    }
    this.#drift.note(this.waitingMs);
    this.#drift.targetMs = Math.max(TARGET_MS, this.#drift.targetMs - DECAY_MS);
    const frame = this.#samples.slice(0, FRAME_SAMPLES);
    this.#samples = this.#samples.slice(FRAME_SAMPLES);
    return frame;
  }

  #runDry(): void {
    this.#isFilling = true;
    this.#drift.targetMs = Math.min(MAX_TARGET_MS, this.#drift.targetMs + DRY_STEP_MS);
  }

  /** The device was opened anew. */
  reset(): void {
    this.#samples = new Int16Array(0);
    this.#converter = new RateConverter();
    this.#drift.reset();
    this.#isFilling = true;
  }
}

import { extendFrameNumber, FRAME_MS, type FrameDecoder, silentFrame } from '@overcall/media';
import { FixedJitterBuffer } from './fixed-jitter-buffer.ts';
import type { JitterBuffer } from './pulled.ts';

export interface FixedPlayoutStats {
  /** Frames that were received and played. */
  playedFrames: number;
  /** Moments, once audio had begun, for which there was no frame: filled by concealment or silence. */
  concealedFrames: number;
  /** Frames that were lost and came back out of the in-band FEC of the next. */
  recoveredFrames: number;
  lateFrames: number;
  duplicateFrames: number;
  /** Longest time without a real or FEC-recovered frame to play, once audio had begun. */
  longestGapMs: number;
  /** When the first received frame was played; null before. */
  firstFrameAt: number | null;
  playoutDelayMs: number;
}

/** A tick this much after the last one means that the process or machine slept: that time was a gap as well. */
const SUSPEND_MS = 500;

/**
 * From frames received to sound to play: jitter buffer, decoder and concealment. Call {@link tick} once every
 * 20 ms; it always gives 960 samples.
 */
export class FixedPlayout {
  readonly #decoder: FrameDecoder;
  readonly #buffer: JitterBuffer;
  #newestNumber: number | null = null;
  #playedFrames = 0;
  #concealedFrames = 0;
  #recoveredFrames = 0;
  #gapMs = 0;
  #longestGapMs = 0;
  #firstFrameAt: number | null = null;
  #lastTickMs: number | null = null;

  constructor(decoder: FrameDecoder, buffer: JitterBuffer = new FixedJitterBuffer()) {
    this.#decoder = decoder;
    this.#buffer = buffer;
  }

  get stats(): FixedPlayoutStats {
    return {
      playedFrames: this.#playedFrames,
      concealedFrames: this.#concealedFrames,
      recoveredFrames: this.#recoveredFrames,
      lateFrames: this.#buffer.stats.lateFrames,
      duplicateFrames: this.#buffer.stats.duplicateFrames,
      longestGapMs: this.#longestGapMs,
      firstFrameAt: this.#firstFrameAt,
      playoutDelayMs: this.#buffer.playoutDelayMs,
    };
  }

  /** Takes an audio frame that passed decryption; `frameLow` is the low 16 bits of its number. */
  receive(frameLow: number, opus: Uint8Array, nowMs: number): void {
    const number = this.#newestNumber === null ? frameLow : extendFrameNumber(frameLow, this.#newestNumber);
    this.#newestNumber = number;
    this.#buffer.push(number, opus, nowMs);
  }

  /** The next 20 ms to play. */
  tick(nowMs: number): Int16Array {
    this.#noteSuspend(nowMs);
    const pulled = this.#buffer.pull(nowMs);
    if (pulled.kind === 'frame') {
      const samples = this.#decoder.decode(pulled.opus);
      if (samples) {
        this.#playedFrames += 1;
        this.#firstFrameAt ??= nowMs;
        this.#gapMs = 0;
        return samples;
      }
    }
    if (this.#firstFrameAt === null) return silentFrame();
    if (pulled.kind === 'lost' && pulled.next) {
      const samples = this.#decoder.recover(pulled.next);
      if (samples) {
        this.#recoveredFrames += 1;
        this.#gapMs = 0;
        return samples;
      }
    }
    this.#concealedFrames += 1;
    this.#addGap(FRAME_MS);
    // The decoder's concealment has faded to nothing by the time a buffer runs empty.
    return pulled.kind === 'empty' ? silentFrame() : this.#decoder.conceal();
  }

  #noteSuspend(nowMs: number): void {
    const sinceTickMs = this.#lastTickMs === null ? 0 : nowMs - this.#lastTickMs;
    this.#lastTickMs = nowMs;
    if (sinceTickMs > SUSPEND_MS && this.#firstFrameAt !== null) this.#addGap(sinceTickMs - FRAME_MS);
  }

  #addGap(ms: number): void {
    this.#gapMs += ms;
    this.#longestGapMs = Math.max(this.#longestGapMs, this.#gapMs);
  }
}

import { FRAME_SAMPLES } from '../audio-format.ts';
import { rmsOf } from './voice-activity.ts';

/** The quietest of so many packets is the background: speech ends with some of it. */
const LOOKED_AT = 15;
/** Never louder than -46 dB of full scale. */
const MAX_RMS = 160;
/** One pole at 1.2 kHz, about: rooms hum more than they hiss; and what that leaves of white noise, of which a sample is uniform. */
const SMOOTHING = 0.15;
const GAIN = Math.sqrt(3 * ((2 - SMOOTHING) / SMOOTHING));

/** What a pause sounds like in which nothing is sent: noise as loud as the background before it. Dead silence sounds like a broken call. */
export class ComfortNoise {
  readonly #levels: number[] = [];
  #smoothed = 0;
  #seed = 1;

  /** What is played of the other side. */
  observe(samples: Int16Array): void {
    this.#levels.push(rmsOf(samples));
    if (this.#levels.length > LOOKED_AT) this.#levels.shift();
  }

  /** 20 ms. */
  next(): Int16Array {
    const rms = this.#levels.length === 0 ? 0 : Math.min(MAX_RMS, ...this.#levels);
    return Int16Array.from({ length: FRAME_SAMPLES }, () => {
      // Park and Miller's generator.
      this.#seed = (this.#seed * 48271) % 2147483647;
      this.#smoothed += (this.#seed / 1073741823.5 - 1 - this.#smoothed) * SMOOTHING;
      return Math.round(rms * GAIN * this.#smoothed);
    });
  }
}

/** A frame is silence while it is less than so much above the background, or below this at all (-62 dB of full scale). */
const ABOVE_BACKGROUND = 3;
const LEAST_RMS = 25;
/** Louder than this, -30 dB, nothing is background. */
const MAX_BACKGROUND_RMS = 1000;
/** The background is followed down at once and up slowly: 3 dB/s at 50 frames a second. */
const DOWN = 0.3;
const UP = 1.007;
/** So many frames after the last that was speech are sent, 400 ms: ends of words are quiet. At the beginning of a call, a second. */
const HANGOVER_FRAMES = 20;
const FIRST_FRAMES = 50;

/** Whether somebody speaks, from how loud it is against the background. When in doubt, somebody does. */
export class VoiceActivity {
  #backgroundRms = LEAST_RMS;
  #left = FIRST_FRAMES;

  isActive(frame: Int16Array): boolean {
    const rms = rmsOf(frame);
    const background = this.#backgroundRms;
    this.#backgroundRms =
      rms < background
        ? background + (rms - background) * DOWN
        : Math.min(MAX_BACKGROUND_RMS, rms, Math.max(1, background) * UP);
    const isSpeech = rms > Math.max(LEAST_RMS, ABOVE_BACKGROUND * background);
    this.#left = Math.max(isSpeech ? HANGOVER_FRAMES : 0, this.#left - 1);
    return this.#left > 0;
  }
}

export function rmsOf(frame: Int16Array): number {
  let sum = 0;
  for (const sample of frame) sum += sample * sample;
  return Math.sqrt(sum / Math.max(1, frame.length));
}

/** Inside Overcall sound is 48 kHz mono 16-bit, in frames of 20 ms: what Opus works with at its best. */
export const SAMPLE_RATE_HZ = 48_000;
export const FRAME_MS = 20;
export const FRAME_SAMPLES = (SAMPLE_RATE_HZ / 1000) * FRAME_MS;

/** A new frame of silence. */
export function silentFrame(): Int16Array {
  return new Int16Array(FRAME_SAMPLES);
}

/** Samples of -1..1 as 16-bit integers; louder ones are clipped, and what is no number becomes silence. */
export function toInt16(samples: Float32Array): Int16Array {
  const out = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const scaled = samples[i]! * 32768;
    // What is no number is less than nothing, and becomes 0 here.
    out[i] = scaled > 32767 ? 32767 : scaled < -32768 ? -32768 : Math.round(scaled);
  }
  return out;
}

import { SAMPLE_RATE_HZ } from './audio-format.ts';

/** Rates that libsamplerate-js accepts (no more than 192 kHz) and that anybody records at. */
export const MIN_RATE_HZ = 1_000;
export const MAX_RATE_HZ = 192_000;
/** One call of the converter takes at most 4 MB; longer recordings go through it in pieces of this size. */
const PIECE_SECONDS = 1;

/**
 * Converts mono samples to 48 kHz with libsamplerate's medium sinc converter (97 dB signal to noise; see its
 * converter list). The result has exactly the length that the rates imply.
 */
export async function resampleTo48k(samples: Float32Array, rateHz: number): Promise<Float32Array> {
  if (rateHz === SAMPLE_RATE_HZ) return samples;
  // 2 of the 5 MB of code that a softphone would load at its start, and seldom needed.
  const { create, ConverterType } = (await import('@alexanderolsen/libsamplerate-js')).default;
  const converter = await create(1, rateHz, SAMPLE_RATE_HZ, {
    converterType: ConverterType.SRC_SINC_MEDIUM_QUALITY,
  });
  try {
    const out = new Float32Array(Math.round((samples.length * SAMPLE_RATE_HZ) / rateHz));
    const piece = new Float32Array(rateHz * PIECE_SECONDS);
    let written = 0;
    // The converter holds back what its filter still needs: silence after the end pushes the last of it out.
    for (let at = 0; written < out.length && at < samples.length + 4 * piece.length; at += piece.length) {
      piece.fill(0);
      piece.set(samples.subarray(at, at + piece.length));
      const converted = converter.full(piece).subarray(0, out.length - written);
      out.set(converted, written);
      written += converted.length;
    }
    return out;
  } finally {
    converter.destroy();
  }
}

import { melSpectrogram } from './mel-spectrogram.ts';

const SAMPLE_RATE_HZ = 48_000;
const WINDOW_MS = 25;
/** Half of the usual 10 ms, so that no offset between two recordings is off the grid by more than 2.5 ms. */
export const HOP_MS = 5;
const BANDS = 40;
/** Where speech is told apart; a 16 kHz recording has this much. */
const LOW_HZ = 80;
const HIGH_HZ = 7000;
/** Below the level of speech by this much, everything counts as the same silence. */
export const RANGE_DB = 45;
/** A frame within this of the level of loud speech is speech. */
const SPEECH_RANGE_DB = 30;

/** What a recording sounds like, independent of how loud it is. */
export interface SpeechFeatures {
  frames: number;
  bands: number;
  /** dB under the level of loud speech of this recording, from -{@link RANGE_DB}; frame f, band b at [f * bands + b]. */
  levels: Float32Array;
  /** 1 where there is speech. */
  speech: Uint8Array;
  /** Frames with speech. */
  speechFrames: number;
}

/** Samples of an Int16Array count as 32768ths, those of a Float32Array as they are: level does not matter. */
export function speechFeatures(samples: Float32Array | Int16Array): SpeechFeatures {
  const spectrogram = melSpectrogram(samples, {
    sampleRateHz: SAMPLE_RATE_HZ,
    windowSamples: (SAMPLE_RATE_HZ / 1000) * WINDOW_MS,
    hopSamples: (SAMPLE_RATE_HZ / 1000) * HOP_MS,
    bands: BANDS,
    lowHz: LOW_HZ,
    highHz: HIGH_HZ,
  });
  const { frames, bands, power } = spectrogram;
  const framePower = new Float64Array(frames);
  for (let f = 0; f < frames; f++) {
    for (let b = 0; b < bands; b++) framePower[f]! += power[f * bands + b]!;
  }
  // The level of loud speech: what a tenth of the frames reach. One click does not move it.
  const loud = [...framePower].sort((a, b) => b - a)[Math.floor(frames / 10)] ?? 0;
  const levels = new Float32Array(frames * bands).fill(-RANGE_DB);
  const speech = new Uint8Array(frames);
  let speechFrames = 0;
  if (!(loud > 0)) return { frames, bands, levels, speech, speechFrames };
  const bandReference = loud / bands;
  for (let f = 0; f < frames; f++) {
    if (framePower[f]! > loud * 10 ** (-SPEECH_RANGE_DB / 10)) {
      speech[f] = 1;
      speechFrames += 1;
    }
    for (let b = 0; b < bands; b++) {
      const i = f * bands + b;
      levels[i] = Math.max(-RANGE_DB, 10 * Math.log10(power[i]! / bandReference + 1e-30));
    }
  }
  return { frames, bands, levels, speech, speechFrames };
}

/** Subtracts from each band its mean over speech: what is left is what changes, not the timbre of voice or noise. */
export function withoutBandMeans(features: SpeechFeatures): Float32Array {
  const { frames, bands, levels, speech, speechFrames } = features;
  const means = new Float64Array(bands);
  for (let f = 0; f < frames; f++) {
    if (!speech[f]) continue;
    for (let b = 0; b < bands; b++) means[b]! += levels[f * bands + b]! / speechFrames;
  }
  const out = new Float32Array(levels.length);
  for (let i = 0; i < levels.length; i++) out[i] = levels[i]! - means[i % bands]!;
  return out;
}

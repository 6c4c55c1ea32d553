import { SAMPLE_RATE_HZ } from '../audio-format.ts';

/** What is played to hear how long sound takes around: a sweep over the range of every telephone, 250 ms. */
const CHIRP_MS = 250;
const FROM_HZ = 400;
const TO_HZ = 3000;
const CHIRP_AMPLITUDE = 12_000;
/** Correlation is done on every sixth sample: 8 kHz, so to an eighth of a millisecond. */
const STEP = 6;
/** Of 1: how alike chirp and recording must be where they fit best; noise alone stays below 0.15. */
const MIN_LIKENESS = 0.3;

/** A sweep that is like itself at one offset only. */
export function makeChirp(): Int16Array {
  const samples = (CHIRP_MS * SAMPLE_RATE_HZ) / 1000;
  const chirp = new Int16Array(samples);
  for (let i = 0; i < samples; i++) {
    const t = i / SAMPLE_RATE_HZ;
    const sweep = ((TO_HZ - FROM_HZ) * t * t * 1000) / (2 * CHIRP_MS);
    const fade = Math.min(1, i / 480, (samples - i) / 480);
    chirp[i] = CHIRP_AMPLITUDE * fade * Math.sin(2 * Math.PI * (FROM_HZ * t + sweep));
  }
  return chirp;
}

/** After how many ms the chirp begins in a recording; null when it is not in there. */
export function findChirp(recorded: Int16Array): number | null {
  const chirp = thinned(makeChirp());
  const heard = thinned(recorded);
  const energyOf = (samples: Float32Array) => samples.reduce((sum, sample) => sum + sample * sample, 0);
  const chirpEnergy = energyOf(chirp);
  let energy = energyOf(heard.subarray(0, chirp.length));
  let best = { at: 0, likeness: 0 };
  for (let at = 0; at + chirp.length <= heard.length; at++) {
    let sum = 0;
    for (let i = 0; i < chirp.length; i++) sum += chirp[i]! * heard[at + i]!;
    const likeness = Math.abs(sum) / Math.sqrt(chirpEnergy * Math.max(energy, 1));
    if (likeness > best.likeness) best = { at, likeness };
    energy += (heard[at + chirp.length] ?? 0) ** 2 - heard[at]! ** 2;
  }
  return best.likeness < MIN_LIKENESS ? null : (best.at * STEP * 1000) / SAMPLE_RATE_HZ;
}

/** Every sixth sample, as the mean of six: what the mean lets through above 4 kHz does not matter to a sweep below 3. */
function thinned(samples: Int16Array): Float32Array {
  const out = new Float32Array(Math.floor(samples.length / STEP));
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let j = 0; j < STEP; j++) sum += samples[i * STEP + j]!;
    out[i] = sum / STEP;
  }
  return out;
}

/** How loud a recording is, in dB below full scale (a square wave at full scale has 0); null for digital silence. */
export function levelOf(samples: Int16Array): {
  rmsDb: number | null;
  peakDb: number | null;
  clippedPct: number;
} {
  let energy = 0;
  let peak = 0;
  let clipped = 0;
  for (const sample of samples) {
    energy += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
    if (Math.abs(sample) >= 32_767) clipped++;
  }
  const decibels = (value: number) => (value === 0 ? null : 20 * Math.log10(value / 32_768));
  return {
    rmsDb: decibels(Math.sqrt(energy / Math.max(1, samples.length))),
    peakDb: decibels(peak),
    clippedPct: (100 * clipped) / Math.max(1, samples.length),
  };
}

import { align, SILENCE_DB } from './aligned-pair.ts';
import type { Pair } from './speech-alignment.ts';
import { HOP_MS, RANGE_DB } from './speech-features.ts';

/**
 * From here on two recordings count as the same speech. Chosen between what passes (Opus at 24 kbit/s with a
 * few percent of frames concealed: above 0.9) and what must not (noise, silence, another voice, the same words shuffled:
 * below 0.5); docs/media.md has the measurements.
 */
export const ALIKE_THRESHOLD = 0.7;

export interface Similarity {
  /** 1: the same; 0: nothing in common. */
  similarity: number;
  /** Root mean square of the differences of the same spectra, dB; 0: the same. */
  distanceDb: number;
  /** How much later the degraded recording says the same, to 5 ms. */
  offsetMs: number;
}

/**
 * How alike a degraded recording is to its source, both 48 kHz mono. Compares the mel spectra in dB, with timbre and
 * level taken out, where the source has speech; the offset is found, and small shifts along the way
 * are followed. It tells whether the right speech came through, not how pleasant it sounds.
 */
export function speechSimilarity(
  source: Float32Array | Int16Array,
  degraded: Float32Array | Int16Array,
): Similarity {
  const aligned = align(source, degraded);
  if (aligned === null) return { similarity: 0, distanceDb: RANGE_DB, offsetMs: 0 };
  const { pair, lags } = aligned;
  return {
    similarity: Math.max(0, correlation(pair, lags)),
    distanceDb: distance(pair, lags),
    offsetMs: medianOf(lags, pair) * HOP_MS,
  };
}

/** Over all frames with speech and all bands, each band of both recordings around its own mean. */
function distance({ source, sourceLevels, degraded, degradedLevels }: Pair, lags: Int32Array): number {
  const { bands } = source;
  let sum = 0;
  for (let f = 0; f < source.frames; f++) {
    if (!source.speech[f]) continue;
    const other = f + lags[f]!;
    const isInside = other >= 0 && other < degraded.frames;
    for (let b = 0; b < bands; b++)
      sum +=
        (sourceLevels[f * bands + b]! - (isInside ? degradedLevels[other * bands + b]! : SILENCE_DB)) ** 2;
  }
  return Math.sqrt(sum / (source.speechFrames * bands));
}

/** Pearson's correlation over all frames with speech and all bands, each band taken around its own mean. */
function correlation(pair: Pair, lags: Int32Array): number {
  const { source, degraded } = pair;
  const bands = source.bands;
  let covariance = 0;
  let sourceVariance = 0;
  let degradedVariance = 0;
  for (let b = 0; b < bands; b++) {
    let n = 0;
    let [s, d, ss, dd, sd] = [0, 0, 0, 0, 0];
    for (let f = 0; f < source.frames; f++) {
      if (!source.speech[f]) continue;
      const x = source.levels[f * bands + b]!;
      const y = degraded.levels[(f + lags[f]!) * bands + b] ?? SILENCE_DB;
      n += 1;
      s += x;
      d += y;
      ss += x * x;
      dd += y * y;
      sd += x * y;
    }
    covariance += sd - (s * d) / n;
    sourceVariance += ss - (s * s) / n;
    degradedVariance += dd - (d * d) / n;
  }
  const scale = Math.sqrt(sourceVariance * degradedVariance);
  return scale > 0 ? covariance / scale : 0;
}

function medianOf(lags: Int32Array, pair: Pair): number {
  const spoken = lags.filter((_, frame) => pair.source.speech[frame] === 1).sort();
  return spoken[spoken.length >> 1]!;
}

import { findLag, type Pair, trackLag } from './speech-alignment.ts';
import { HOP_MS, RANGE_DB, speechFeatures, withoutBandMeans } from './speech-features.ts';

/** How far the degraded recording may start before its source, and after it. */
const EARLIEST_MS = -1000;
const LATEST_MS = 5000;
/** What a recording that has not begun or is over counts as. */
export const SILENCE_DB = -RANGE_DB;

/** Two recordings, and where each frame of the source is in the degraded one: so many frames later. */
export interface AlignedPair {
  pair: Pair;
  lags: Int32Array;
}

/** Null when one of the two has no speech. */
export function align(
  source: Float32Array | Int16Array,
  degraded: Float32Array | Int16Array,
): AlignedPair | null {
  const sourceFeatures = speechFeatures(source);
  const degradedFeatures = speechFeatures(degraded);
  if (sourceFeatures.speechFrames === 0 || degradedFeatures.speechFrames === 0) return null;
  const pair: Pair = {
    source: sourceFeatures,
    sourceLevels: withoutBandMeans(sourceFeatures),
    degraded: degradedFeatures,
    degradedLevels: withoutBandMeans(degradedFeatures),
  };
  return { pair, lags: trackLag(pair, findLag(pair, EARLIEST_MS / HOP_MS, LATEST_MS / HOP_MS)) };
}

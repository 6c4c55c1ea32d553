import type { SpeechFeatures } from './speech-features.ts';

/** Features of two recordings and their levels without band means. Lags are in feature frames; plus = later. */
export interface Pair {
  source: SpeechFeatures;
  sourceLevels: Float32Array;
  degraded: SpeechFeatures;
  degradedLevels: Float32Array;
}

/** Coarse search looks at every fourth frame (20 ms) and tries every second lag. */
const COARSE_FRAME_STEP = 4;
const COARSE_LAG_STEP = 2;

/** The lag within the range at which the two recordings as a whole agree best. */
export function findLag(pair: Pair, lowestLag: number, highestLag: number): number {
  const { source, sourceLevels, degraded, degradedLevels } = pair;
  const bands = source.bands;
  let best = 0;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (let lag = lowestLag; lag <= highestLag; lag += COARSE_LAG_STEP) {
    let score = 0;
    const last = Math.min(source.frames, degraded.frames - lag);
    for (let f = alignUp(Math.max(0, -lag), COARSE_FRAME_STEP); f < last; f += COARSE_FRAME_STEP) {
      if (!source.speech[f]) continue;
      const at = f * bands;
      const other = (f + lag) * bands;
      for (let b = 0; b < bands; b++) score += sourceLevels[at + b]! * degradedLevels[other + b]!;
    }
    if (score > bestScore) {
      bestScore = score;
      best = lag;
    }
  }
  return best;
}

function alignUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** A jitter buffer moves speech by whole frames of 20 ms, now and then: pieces of 200 ms may move, within 200 ms. */
const SEGMENT_FRAMES = 40;
const MAX_SHIFT_FRAMES = 40;
/** What moving by one feature frame costs, in squared dB summed over a segment: less than a wrong 20 ms. */
const SHIFT_COST = 400;

/**
 * The lag of every frame of the source: constant within a segment, near `lag`, and changing only where that explains
 * more than it costs (Viterbi over segments).
 */
export function trackLag(pair: Pair, lag: number): Int32Array {
  const shifts = 2 * MAX_SHIFT_FRAMES + 1;
  const segments = Math.ceil(pair.source.frames / SEGMENT_FRAMES);
  const cameFrom = new Int32Array(segments * shifts);
  let costs = new Float64Array(shifts);
  for (let segment = 0; segment < segments; segment++) {
    const reached = new Float64Array(shifts);
    const from = cameFrom.subarray(segment * shifts, (segment + 1) * shifts);
    cheapestPredecessors(costs, reached, from);
    for (let shift = 0; shift < shifts; shift++) {
      reached[shift]! += segmentCost(pair, segment * SEGMENT_FRAMES, lag + shift - MAX_SHIFT_FRAMES);
    }
    costs = reached;
  }
  const lags = new Int32Array(pair.source.frames);
  let shift = costs.indexOf(Math.min(...costs));
  for (let segment = segments - 1; segment >= 0; segment--) {
    lags.fill(lag + shift - MAX_SHIFT_FRAMES, segment * SEGMENT_FRAMES, (segment + 1) * SEGMENT_FRAMES);
    shift = cameFrom[segment * shifts + shift]!;
  }
  return lags;
}

/** For a cost linear in the distance, one pass up and one down find the best predecessor of every shift. */
function cheapestPredecessors(costs: Float64Array, reached: Float64Array, from: Int32Array): void {
  reached.set(costs);
  for (let i = 0; i < from.length; i++) from[i] = i;
  const relax = (to: number, via: number) => {
    if (reached[via]! + SHIFT_COST >= reached[to]!) return;
    reached[to] = reached[via]! + SHIFT_COST;
    from[to] = from[via]!;
  };
  for (let i = 1; i < from.length; i++) relax(i, i - 1);
  for (let i = from.length - 2; i >= 0; i--) relax(i, i + 1);
}

/** Squared differences of the segment's speech against the degraded recording at this lag. */
function segmentCost(pair: Pair, start: number, lag: number): number {
  const { source, sourceLevels, degraded, degradedLevels } = pair;
  const bands = source.bands;
  const end = Math.min(start + SEGMENT_FRAMES, source.frames);
  let cost = 0;
  for (let f = start; f < end; f += 2) {
    if (!source.speech[f]) continue;
    const inside = f + lag >= 0 && f + lag < degraded.frames;
    const at = f * bands;
    const other = (f + lag) * bands;
    for (let b = 0; b < bands; b++) {
      const difference = sourceLevels[at + b]! - (inside ? degradedLevels[other + b]! : 0);
      cost += difference * difference;
    }
  }
  return cost;
}

import { type AlignedPair, align, SILENCE_DB } from './aligned-pair.ts';
import { HOP_MS } from './speech-features.ts';

/** From here on a word counts as heard: a word of which half is missing, or another word, is below (docs/media.md). */
export const WORD_HEARD_THRESHOLD = 0.75;

/** Where a word is in a recording. */
export interface SpokenWord {
  word: string;
  startMs: number;
  endMs: number;
}

export interface HeardWord extends SpokenWord {
  /** Correlation of what was heard in its place with what was spoken: 1 is the same, 0 nothing in common. */
  clarity: number;
  /** When it was heard, in the degraded recording. */
  heardAtMs: number;
}

/**
 * How clearly each word of a recording came through: the comparison of {@link speechSimilarity}, word by word. That words are
 * clear one by one says more than a mean over all of them, in which one that is lost does not show.
 */
export function wordsHeard(
  source: Float32Array | Int16Array,
  degraded: Float32Array | Int16Array,
  words: readonly SpokenWord[],
): HeardWord[] {
  const aligned = align(source, degraded);
  if (aligned === null) return words.map((word) => ({ ...word, clarity: 0, heardAtMs: word.startMs }));
  return words.map((word) => {
    const lag = aligned.lags[Math.round(word.startMs / HOP_MS)] ?? 0;
    return { ...word, clarity: clarityOf(word, aligned), heardAtMs: word.startMs + lag * HOP_MS };
  });
}

/** Pearson's correlation over all frames with speech and all bands of one word, the timbre of the whole recording taken out. */
function clarityOf({ startMs, endMs }: SpokenWord, { pair, lags }: AlignedPair): number {
  const { source, sourceLevels, degraded, degradedLevels } = pair;
  const { bands } = source;
  let [n, s, d, ss, dd, sd] = [0, 0, 0, 0, 0, 0];
  const end = Math.min(source.frames, Math.round(endMs / HOP_MS));
  for (let f = Math.round(startMs / HOP_MS); f < end; f++) {
    if (!source.speech[f]) continue;
    const at = f + lags[f]!;
    for (let b = 0; b < bands; b++) {
      const x = sourceLevels[f * bands + b]!;
      const y = at >= 0 && at < degraded.frames ? degradedLevels[at * bands + b]! : SILENCE_DB;
      n += 1;
      s += x;
      d += y;
      ss += x * x;
      dd += y * y;
      sd += x * y;
    }
  }
  const scale = Math.sqrt((ss - (s * s) / n) * (dd - (d * d) / n));
  return scale > 0 ? Math.max(0, (sd - (s * d) / n) / scale) : 0;
}

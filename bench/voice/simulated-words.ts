import { FRAME_SAMPLES, OpusDecoder, OpusEncoder } from '@overcall/media';
import { type HeardWord, type SpokenWord, wordsHeard } from '@overcall/quality';
import { Pair, Side } from './voice-loop.ts';
import { Way, type WayKind } from './way.ts';

/** As the link of the lab, with the 20 ms of the other side's. */
const BAD_WAY: WayKind = { delayMs: 40, jitterMs: 120, lossPct: 20, inOrder: true };
/** Between the answer and the first word: the peer has to be heard before a recording begins, frames. */
const SILENT_FRAMES = 10;
const TAIL_FRAMES = 50;

/** The words that a listener hears over such a way, in virtual time with real Opus, without paths. */
export function simulatedWords(
  spoken: Int16Array,
  words: readonly SpokenWord[],
  seed: number,
  way = BAD_WAY,
): HeardWord[] {
  const sides = [0, 1].map(() => new Side(new OpusEncoder(), new OpusDecoder(), 240));
  const ways = [new Way(way, 2 * seed + 1), new Way(way, 2 * seed + 2)] as const;
  const pair = new Pair(sides as [Side, Side], ways, 1 + ((seed * 7) % 19));
  const silence = new Int16Array(FRAME_SAMPLES);
  const frames = SILENT_FRAMES + Math.ceil(spoken.length / FRAME_SAMPLES) + TAIL_FRAMES;
  const heard = new Int16Array(frames * FRAME_SAMPLES);
  for (let frame = 0; frame < frames; frame++) {
    const at = (frame - SILENT_FRAMES) * FRAME_SAMPLES;
    const said =
      at >= 0 && at + FRAME_SAMPLES <= spoken.length ? spoken.slice(at, at + FRAME_SAMPLES) : silence;
    heard.set(pair.tick([said, silence], 1000 + frame * 20), frame * FRAME_SAMPLES);
  }
  return wordsHeard(spoken, heard, words);
}

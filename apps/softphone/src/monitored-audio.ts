import type { MediaChoice } from './call-media.ts';
import type { Levels } from './phone/desk-state.ts';

/** What counts as silence on a meter, dB below full scale. */
const FLOOR_DB = -60;
/** How much a meter falls in a frame of 20 ms, so that syllables are seen. */
const FALL = 0.03;

/** Sound that somebody watches on meters. */
export class MonitoredAudio {
  #levels: Levels | null = null;

  /** How loud both sides are now; null without a call. */
  get levels(): Levels | null {
    return this.#levels;
  }

  watch(choice: MediaChoice): MediaChoice {
    return () => {
      const { source, sink, ...rest } = choice();
      const levels: Levels = { mine: 0, theirs: 0 };
      this.#levels = levels;
      return {
        ...rest,
        source: {
          label: source.label,
          isLive: source.isLive ?? false,
          isLate: (due) => source.isLate?.(due) ?? false,
          setMuted: (on) => source.setMuted?.(on),
          close: async () => source.close?.(),
          next: () => {
            const frame = source.next();
            levels.mine = fall(levels.mine, frame === null ? 0 : levelOf(frame));
            return frame;
          },
        },
        sink: {
          wants: (due) => sink.wants?.(due) ?? due,
          write: (frame) => {
            levels.theirs = fall(levels.theirs, levelOf(frame));
            sink.write(frame);
          },
          close: async () => {
            if (this.#levels === levels) this.#levels = null;
            await sink.close();
          },
        },
      };
    };
  }
}

const fall = (before: number, now: number): number => Math.max(now, before - FALL);

/** 0 at the floor, 1 at full scale. */
function levelOf(frame: Int16Array): number {
  let sum = 0;
  for (const sample of frame) sum += sample * sample;
  const db = 10 * Math.log10(sum / frame.length / 32768 ** 2);
  return Math.max(0, Math.min(1, 1 - db / FLOOR_DB));
}

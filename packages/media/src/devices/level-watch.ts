import { SAMPLE_RATE_HZ } from '../audio-format.ts';

/** What is worth telling people about the sound of a microphone. */
export type LevelRemark = 'clipping' | 'silent';

/** So many samples of a second at full scale are no accident: 0.2%. */
const CLIPPED_SHARE = 0.002;
const FULL_SCALE = 32_767;
/** Nothing but zeros for this long, s: a real microphone always hisses. */
const SILENT_S = 5;
/** The same is not said again for this long, s. */
const PAUSE_S = 30;

/** Looks at what a microphone delivers, second by second of sound. Pure: it counts samples instead of reading a clock. */
export class LevelWatch {
  #samples = 0;
  #clipped = 0;
  #isZero = true;
  #zeroSeconds = 0;
  #second = 0;
  readonly #saidAt = new Map<LevelRemark, number>();

  /** What there is to say after these samples; mostly null. */
  handle(samples: Int16Array): LevelRemark | null {
    for (const sample of samples) {
      if (sample !== 0) this.#isZero = false;
      if (sample >= FULL_SCALE || sample <= -FULL_SCALE) this.#clipped++;
    }
    this.#samples += samples.length;
    if (this.#samples < SAMPLE_RATE_HZ) return null;
    const remark = this.#judge();
    this.#samples = 0;
    this.#clipped = 0;
    this.#isZero = true;
    return remark;
  }

  #judge(): LevelRemark | null {
    this.#second++;
    this.#zeroSeconds = this.#isZero ? this.#zeroSeconds + 1 : 0;
    if (this.#clipped > this.#samples * CLIPPED_SHARE) return this.#once('clipping');
    return this.#zeroSeconds === SILENT_S ? this.#once('silent') : null;
  }

  #once(remark: LevelRemark): LevelRemark | null {
    const saidAt = this.#saidAt.get(remark) ?? Number.NEGATIVE_INFINITY;
    if (this.#second < saidAt + PAUSE_S) return null;
    this.#saidAt.set(remark, this.#second);
    return remark;
  }
}

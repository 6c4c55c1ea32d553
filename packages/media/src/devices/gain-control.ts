/** Where speech should be, mean power of active speech, dB below full scale: ITU-T G.169 and P.56 put telephones near -20. */
const TARGET_DB = -22;
/** Never more than this up or down. Noise comes up with it, which is why it comes after the noise suppressor. */
const MAX_GAIN_DB = 18;
const MIN_GAIN_DB = -15;
/** dB per second: up slowly, so that pauses do not pump; down fast. */
const RISE_DB_PER_S = 3;
const FALL_DB_PER_S = 12;
/** No sample above this: 1 dB below full scale. */
const CEILING = 0.89;
/** Of blocks that are speech; slow, so that it is the talker's level and not a word's. */
const LEVEL_SMOOTHING = 0.02;
/** Quieter than this is no speech worth raising, dB. */
const FLOOR_DB = -55;
const BLOCK_S = 0.01;

/**
 * Brings speech to one level, whoever speaks into whatever microphone: follows the power of speech only, block by block of
 * 10 ms, and keeps peaks below full scale at once. Pure.
 */
export class GainControl {
  #levelDb: number | null = null;
  #gainDb = 0;
  /** The gain at the end of the last block, as a factor: the next one begins there. */
  #factor = 1;

  get gainDb(): number {
    return this.#gainDb;
  }

  /** Changes the block (samples of -1 to 1) in place. */
  process(block: Float32Array, isSpeech: boolean): void {
    const powerDb = 10 * Math.log10(powerOf(block) + 1e-12);
    if (isSpeech && powerDb > FLOOR_DB) this.#follow(powerDb);
    const peak = peakOf(block);
    let factor = 10 ** (this.#gainDb / 20);
    if (peak * factor > CEILING) factor = CEILING / peak;
    // A block that would clip with the old gain gets the new one from its start.
    const from = peak * this.#factor > CEILING ? factor : this.#factor;
    for (let i = 0; i < block.length; i++) block[i]! *= from + ((factor - from) * i) / block.length;
    this.#factor = factor;
  }

  #follow(powerDb: number): void {
    this.#levelDb ??= powerDb;
    this.#levelDb += (powerDb - this.#levelDb) * LEVEL_SMOOTHING;
    const wantedDb = Math.max(MIN_GAIN_DB, Math.min(MAX_GAIN_DB, TARGET_DB - this.#levelDb));
    const step = wantedDb - this.#gainDb;
    this.#gainDb += Math.max(-FALL_DB_PER_S * BLOCK_S, Math.min(RISE_DB_PER_S * BLOCK_S, step));
  }
}

/** Mean square. */
export function powerOf(block: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < block.length; i++) sum += block[i]! * block[i]!;
  return sum / block.length;
}

function peakOf(block: Float32Array): number {
  let peak = 0;
  for (let i = 0; i < block.length; i++) peak = Math.max(peak, Math.abs(block[i]!));
  return peak;
}

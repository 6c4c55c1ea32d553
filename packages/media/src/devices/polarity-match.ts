/** Signs are compared 32 at a time. */
const WORD = 32;
/** Delays that are tried, samples at 4 kHz: 0.5 s. */
const DELAYS = 2048;
/** What is kept of the past with each word (8 ms): it fades in 300 ms. */
const KEPT_SHARE = Math.exp(-8 / 300);
/** So many standard deviations of what chance does make a delay worth a closer look. Speech reaches 4 by chance all the time. */
const LIKELY = 4;
/** Signs that have to be compared before; 1,216 at most are remembered. */
const LEAST_SIGNS = 250;
/** Samples weaker than this say nothing: -60 dB played, -80 dB heard. */
const PLAYED_FLOOR = 1e-3;
const HEARD_FLOOR = 1e-4;

/**
 * At which delay what is heard is most like what was played, by the signs of their samples alone (polarity coincidence): 32 of them are compared
 * in a few operations, so all delays cost 0.2% of a core. Pure.
 */
export class PolarityMatch {
  /** The last words of signs that were played, the newest first, and which samples were loud enough. */
  readonly #signs = new Uint32Array(DELAYS / WORD + 1);
  readonly #loud = new Uint32Array(DELAYS / WORD + 1);
  /** By delay: how many more signs agreed than not, and how many were compared, fading. */
  readonly #agreed = new Float32Array(DELAYS);
  readonly #compared = new Float32Array(DELAYS);
  #heardSigns = 0;
  #heardLoud = 0;
  #playedSigns = 0;
  #playedLoud = 0;
  #bits = 0;

  /** A sample of each side: what has its sign taken, and how loud it was before it was filtered. */
  handleSamples(played: number, playedRaw: number, heard: number, heardRaw: number): void {
    const bit = 1 << (WORD - 1 - this.#bits);
    if (played > 0) this.#playedSigns |= bit;
    if (heard > 0) this.#heardSigns |= bit;
    if (Math.abs(playedRaw) > PLAYED_FLOOR) this.#playedLoud |= bit;
    if (Math.abs(heardRaw) > HEARD_FLOOR) this.#heardLoud |= bit;
    if (++this.#bits === WORD) this.#compare();
  }

  #compare(): void {
    this.#signs.copyWithin(1, 0);
    this.#loud.copyWithin(1, 0);
    this.#signs[0] = this.#playedSigns;
    this.#loud[0] = this.#playedLoud;
    const [heard, heardLoud] = [this.#heardSigns, this.#heardLoud];
    this.#playedSigns = this.#playedLoud = this.#heardSigns = this.#heardLoud = this.#bits = 0;
    for (let word = 0; word < DELAYS / WORD; word++)
      for (let shift = 0; shift < WORD; shift++) {
        const signs = shifted(this.#signs, word, shift);
        const both = shifted(this.#loud, word, shift) & heardLoud;
        const compared = bitsIn(both);
        const delay = word * WORD + shift;
        this.#agreed[delay] =
          this.#agreed[delay]! * KEPT_SHARE + compared - 2 * bitsIn((signs ^ heard) & both);
        this.#compared[delay] = this.#compared[delay]! * KEPT_SHARE + compared;
      }
  }

  /** In samples; null where none stands out. A loudspeaker that is wired the other way round makes signs disagree, which is as good. */
  likeliestDelay(): number | null {
    let most = LIKELY ** 2;
    let likeliest: number | null = null;
    for (let delay = 0; delay < DELAYS; delay++) {
      const compared = this.#compared[delay]!;
      if (compared < LEAST_SIGNS) continue;
      const likely = this.#agreed[delay]! ** 2 / compared;
      if (likely <= most) continue;
      most = likely;
      likeliest = delay;
    }
    return likeliest;
  }
}

/** The word that is so many bits older. */
function shifted(words: Uint32Array, word: number, shift: number): number {
  return shift === 0 ? words[word]! : (words[word]! >>> shift) | (words[word + 1]! << (WORD - shift));
}

/** How many of 32 bits are set. */
function bitsIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

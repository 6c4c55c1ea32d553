/**
 * Random numbers that a seed repeats: xoshiro128** 1.1 (Blackman and Vigna, "Scrambled Linear Pseudorandom Number
 * Generators", ACM TOMS 2021; public domain), its state filled by splitmix32. For simulations, not for secrets.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed any integer; its lower 32 bits count */
  constructor(seed: number) {
    const next = splitmix32(seed);
    [this.#a, this.#b, this.#c, this.#d] = [next(), next(), next(), next()];
  }

  /** A generator that continues from this state, four numbers of 32 bits that are not all 0. */
  static ofState(a: number, b: number, c: number, d: number): Random {
    const random = new Random(0);
    [random.#a, random.#b, random.#c, random.#d] = [a, b, c, d];
    return random;
  }

  /** From 0 to 2^32 - 1. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** From 0 to below 1. */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** From 0 to below `count`, which is at most 2^32. */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** Both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Happens in so many of a hundred cases. Asks for no number when the answer is certain. */
  happens(pct: number): boolean {
    return pct > 0 && (pct >= 100 || this.fraction() * 100 < pct);
  }
}

const rotateLeft = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** Spreads a seed over as many numbers as asked for (Steele, Lea and Flood 2014, in its 32-bit form). */
function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e37_79b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    return (mixed ^ (mixed >>> 15)) | 0;
  };
}

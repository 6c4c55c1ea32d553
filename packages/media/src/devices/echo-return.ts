import { PolarityMatch } from './polarity-match.ts';

/** One sample of so many at 48 kHz is looked at: 4 kHz. */
const DECIMATION = 12;
/** Each sample less so much of the one before: speech is nearly white then. */
const PRE_EMPHASIS = 0.95;
/** Samples at 4 kHz that are kept: 1 s; a power of two. */
const KEPT = 4096;
/** The echo is looked for this often, samples: 48 ms. */
const LOOK_EVERY = 192;
/** A room is learnt from one of two neighbouring pieces of 150 ms, and has to foretell the other. */
const PIECE = 600;
/** Of the room, samples: from 2 ms before the likeliest delay to 14 ms after it. */
const TAPS = 64;
const TAPS_BEFORE = 8;
/** Added to the power of what is played, so that little sound does not teach much. */
const RIDGE = 0.1;
/** What is foretold has to make the rest weaker by so much, dB. Voices that have nothing to do with each other make it stronger. */
const FORETOLD_DB = 0.25;
/** An echo that is weaker than what is played by so much, dB, is none that anybody hears (as in {@link EchoPresence}). */
const NO_ECHO_DB = 45;
/** Mean square of what is played, with pre-emphasis, below which it says nothing. */
const PLAYED_POWER = 1e-7;
/** Played blocks of 10 ms that wait for the microphone's at most: what is more was played while nothing was heard. */
const WAITING_BLOCKS = 16;
/**
 * Those that wait for as many of the microphone's as this, 0.5 s, without being needed are left out: one side stopped for a moment, and what
 * is heard would come before what is played from then on.
 */
const SPARE_AFTER_BLOCKS = 50;

/**
 * Tells that the echo is back where there was none: somebody turned from headphones to a loudspeaker. Where the signs of what is played and
 * what is heard agree too often at one delay (of up to 0.5 s), a short room is learnt there from a piece of sound and has to foretell another;
 * what somebody near says cannot be foretold from what is played. Pure.
 */
export class EchoReturn {
  readonly #match = new PolarityMatch();
  readonly #played = new Float32Array(KEPT);
  readonly #heard = new Float32Array(KEPT);
  readonly #waiting: Float32Array[] = [];
  /** The fewest that waited lately, and for how many blocks of the microphone that was looked at. */
  #spare = WAITING_BLOCKS;
  #looks = 0;
  #at = 0;
  #lastPlayed = 0;
  #lastHeard = 0;

  /** 10 ms that are played, -1 to 1 at 48 kHz. */
  handlePlayed(block: Float32Array): void {
    this.#waiting.push(decimate(block));
    if (this.#waiting.length > WAITING_BLOCKS) this.#waiting.shift();
  }

  /** 10 ms from the microphone; whether they are echo, in part at least. */
  handleHeard(block: Float32Array): boolean {
    const heard = decimate(block);
    const played = this.#nextPlayed();
    let isBack = false;
    for (let i = 0; i < heard.length; i++) {
      const x = played?.[i] ?? 0;
      const y = heard[i]!;
      const slot = this.#at & (KEPT - 1);
      this.#played[slot] = x - PRE_EMPHASIS * this.#lastPlayed;
      this.#heard[slot] = y - PRE_EMPHASIS * this.#lastHeard;
      this.#match.handleSamples(this.#played[slot]!, x, this.#heard[slot]!, y);
      this.#lastPlayed = x;
      this.#lastHeard = y;
      if (++this.#at % LOOK_EVERY === 0) isBack ||= this.#isForetold();
    }
    return isBack;
  }

  /** What was being played while the microphone heard its next block, as far as that is known. */
  #nextPlayed(): Float32Array | undefined {
    const played = this.#waiting.shift();
    this.#spare = Math.min(this.#spare, this.#waiting.length);
    if (++this.#looks === SPARE_AFTER_BLOCKS) {
      this.#waiting.splice(0, this.#spare);
      this.#spare = WAITING_BLOCKS;
      this.#looks = 0;
    }
    return played;
  }

  #isForetold(): boolean {
    const delay = this.#match.likeliestDelay();
    if (delay === null) return false;
    const middle = this.#at - PIECE;
    return this.#foretells(delay, middle - PIECE, middle) && this.#foretells(delay, middle, middle - PIECE);
  }

  /** Whether the room learnt from the piece at one place makes the echo in the other weaker. */
  #foretells(delay: number, learntAt: number, triedAt: number): boolean {
    const room = this.#learn(delay - TAPS_BEFORE, learntAt);
    if (room === null) return false;
    let [before, after, echo, played] = [0, 0, 0, 0];
    for (let i = triedAt; i < triedAt + PIECE; i++) {
      const heard = this.#heard[i & (KEPT - 1)]!;
      let foretold = 0;
      for (let k = 0; k < TAPS; k++) foretold += room[k]! * this.#playedAt(i - delay + TAPS_BEFORE - k);
      before += heard ** 2;
      after += (heard - foretold) ** 2;
      echo += foretold ** 2;
      played += this.#playedAt(i - delay) ** 2;
    }
    return after < before * 10 ** (-FORETOLD_DB / 10) && echo > played * 10 ** (-NO_ECHO_DB / 10);
  }

  /** The room with the least squares of what it leaves, or null where too little is played. */
  #learn(firstDelay: number, from: number): Float64Array | null {
    const own = new Float64Array(TAPS);
    const common = new Float64Array(TAPS);
    for (let k = 0; k < TAPS; k++)
      for (let i = from; i < from + PIECE; i++) {
        const earlier = this.#playedAt(i - firstDelay - k);
        own[k]! += this.#playedAt(i - firstDelay) * earlier;
        common[k]! += this.#heard[i & (KEPT - 1)]! * earlier;
      }
    if (own[0]! < PLAYED_POWER * PIECE) return null;
    own[0]! *= 1 + RIDGE;
    return solveToeplitz(own, common);
  }

  #playedAt(at: number): number {
    return this.#played[at & (KEPT - 1)]!;
  }
}

/** Means of twelve samples. */
function decimate(block: Float32Array): Float32Array {
  const out = new Float32Array(block.length / DECIMATION);
  for (let i = 0; i < block.length; i++) out[Math.floor(i / DECIMATION)]! += block[i]! / DECIMATION;
  return out;
}

/** Solves a symmetric Toeplitz system by Levinson's recursion (N. Levinson, 1947); `own` is the first row of the matrix, positive definite. */
export function solveToeplitz(own: Float64Array, wanted: Float64Array): Float64Array {
  const size = own.length;
  const solution = new Float64Array(size);
  let predictor = new Float64Array(size);
  predictor[0] = 1;
  let error = own[0]!;
  solution[0] = wanted[0]! / error;
  for (let m = 1; m < size; m++) {
    let sum = 0;
    for (let i = 0; i < m; i++) sum += predictor[i]! * own[m - i]!;
    const reflection = -sum / error;
    const next = predictor.slice();
    for (let i = 1; i <= m; i++) next[i]! += reflection * predictor[m - i]!;
    predictor = next;
    error *= 1 - reflection ** 2;
    let rest = wanted[m]!;
    for (let i = 0; i < m; i++) rest -= solution[i]! * own[m - i]!;
    for (let i = 0; i <= m; i++) solution[i]! += (rest / error) * predictor[m - i]!;
  }
  return solution;
}

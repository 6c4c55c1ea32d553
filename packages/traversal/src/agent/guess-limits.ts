/** Rounds of foretold ports in one attempt. */
const MAX_ROUNDS = 5;
/** Rounds in a call, those that the peer asks for included. */
const MAX_ROUNDS_EVER = 16;
/** Sprays in a call: each is for other networks than those before. */
const MAX_SPRAYS = 3;
/** Guessing begins anew so often in a call at most: when networks change, or a path that was found is lost. */
const MAX_STARTS = 6;

/** How often ports have been guessed at in a call, and what led nowhere: so that it is bounded, and nothing is repeated. */
export class GuessLimits {
  /** Our address and the peer's where guessing led nowhere, whatever the peer says about its NAT since. */
  readonly #failed = new Set<string>();
  #starts = 0;
  #sprays = 0;
  /** The last round that we have begun, in whichever attempt, and how many there were. */
  #lastRound = 0;
  #rounds = 0;
  /** Rounds of this attempt. */
  #roundsNow = 0;
  /** The newest round of the peer whose ports have been used: they are spent. */
  usedPeerRound = 0;

  mayStart(name: string): boolean {
    return !this.#failed.has(name) && this.#starts < MAX_STARTS;
  }

  /** A new attempt. */
  start(): void {
    this.#starts++;
    this.#roundsNow = 0;
  }

  fail(name: string): void {
    this.#failed.add(name);
  }

  /** False for one spray too many. */
  takeSpray(): boolean {
    return this.#sprays++ < MAX_SPRAYS;
  }

  /** The number of our next round: that which the peer has begun, if it is new to us. */
  roundAfter(peersRound: number): number {
    return peersRound > this.#lastRound ? peersRound : this.#lastRound + 1;
  }

  /** It is told to the peer, and is no round of foretold ports. */
  noteRound(round: number): void {
    this.#lastRound = round;
  }

  beginRound(round: number): void {
    this.#lastRound = round;
    this.#rounds++;
    this.#roundsNow++;
  }

  /** Whether this attempt may have another round. */
  get hasRound(): boolean {
    return this.#roundsNow < MAX_ROUNDS;
  }

  /** Whether there may be another round at all. */
  get hasRoundEver(): boolean {
    return this.#rounds < MAX_ROUNDS_EVER;
  }
}

/** How long an attempt may take in which the peer alone foretells, when each of its rounds takes so long, ms. */
export const allRoundsMs = (roundMs: number): number => MAX_ROUNDS * roundMs;

/** Loudness is looked at in pieces of so many blocks of 10 ms: 100 ms. */
const PIECE_BLOCKS = 10;
/** Pieces that are kept: 1 s. What was played in the first half of them, and no later, has come back by the end, by whatever way. */
const PIECES = 10;
const PLAYED_PIECES = 5;
/** Echo that is weaker than what is played by so much, dB, is none that anybody hears. */
const NO_ECHO_DB = 45;
/** What is played says nothing when it is weaker than this, mean square of full scale 1: -30 dB. */
const LOUD_POWER = 1e-3;
/** Weaker than this is no playing, mean square: -50 dB; so long, in pieces that were louder, a proof holds: 3 s. */
const PLAYING_POWER = 1e-5;
const PROVEN_PIECES = 30;

/**
 * Tells from loudness alone that a microphone hears nothing of the loudspeaker: headphones. An echo canceller that has never met an echo
 * takes the first words of who is near for one. Proven by a second in which something loud was played and the microphone heard next to
 * nothing, though not nothing at all, as one that is switched off does. Pure.
 */
export class EchoPresence {
  readonly #played: number[] = [];
  readonly #heard: number[] = [];
  #playedSum = 0;
  #playedBlocks = 0;
  #heardSum = 0;
  #blocks = 0;
  /** Pieces with something played for which the proof still holds. */
  #provenPieces = 0;

  /** Whether there is none, as was proven lately. */
  get isAbsent(): boolean {
    return this.#provenPieces > 0;
  }

  /** 10 ms that are played, mean square. */
  handlePlayed(power: number): void {
    this.#playedSum += power;
    this.#playedBlocks++;
  }

  /** 10 ms from the microphone, mean square: these are its clock. */
  handleHeard(power: number): void {
    this.#heardSum += power;
    if (++this.#blocks < PIECE_BLOCKS) return;
    const played = this.#playedBlocks === 0 ? 0 : this.#playedSum / this.#playedBlocks;
    keep(this.#played, played);
    keep(this.#heard, this.#heardSum / this.#blocks);
    this.#playedSum = this.#playedBlocks = this.#heardSum = this.#blocks = 0;
    if (played > PLAYING_POWER) this.#provenPieces = Math.max(0, this.#provenPieces - 1);
    if (this.#isProof()) this.#provenPieces = PROVEN_PIECES;
  }

  /** Echo was heard: the proof is void, and the next one takes a second again. */
  handleEcho(): void {
    this.#provenPieces = 0;
    this.#played.length = this.#heard.length = 0;
  }

  #isProof(): boolean {
    if (this.#heard.length < PIECES) return false;
    const loudest = Math.max(...this.#played.slice(0, PLAYED_PIECES));
    if (loudest < LOUD_POWER || Math.min(...this.#heard) === 0) return false;
    return Math.max(...this.#heard) < loudest * 10 ** (-NO_ECHO_DB / 10);
  }
}

function keep(pieces: number[], power: number): void {
  pieces.push(power);
  if (pieces.length > PIECES) pieces.shift();
}

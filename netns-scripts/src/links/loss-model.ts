/**
 * Loss in two states, of which one loses everything and the other nothing (E. N. Gilbert, "Capacity of a
 * burst-noise channel", 1960). Independent loss is the case in which the next state does not depend on this one.
 */
export class LossModel {
  readonly #random: () => number;
  readonly #enterBurst: number;
  readonly #leaveBurst: number;
  #inBurst: boolean;

  /** @param meanBurstLength in packets; without it every packet is lost or not by itself */
  constructor(lossPct: number, meanBurstLength: number | undefined, random: () => number) {
    const loss = lossPct / 100;
    this.#random = random;
    this.#leaveBurst = meanBurstLength === undefined ? 1 - loss : 1 / meanBurstLength;
    // In the mean as many bursts end as begin: loss * leave = (1 - loss) * enter.
    this.#enterBurst = loss === 1 ? 1 : (loss * this.#leaveBurst) / (1 - loss);
    this.#inBurst = random() < loss;
  }

  /** Whether the next packet is lost. */
  next(): boolean {
    const isTurning = this.#random() < (this.#inBurst ? this.#leaveBurst : this.#enterBurst);
    if (isTurning) this.#inBurst = !this.#inBurst;
    return this.#inBurst;
  }
}

import type { Random } from './random.ts';

/**
 * Loss in bursts: two states, of which one loses everything and the other nothing (E. N. Gilbert, "Capacity of a
 * burst-noise channel", 1960), as the links of the lab have it.
 */
export class LossModel {
  readonly #random: Random;
  readonly #enterPct: number;
  readonly #leavePct: number;
  #inBurst: boolean;

  /** @param meanBurst length of a burst, packets; without it each packet is lost or not by itself */
  constructor({ lossPct, meanBurst }: { lossPct: number; meanBurst?: number }, random: Random) {
    this.#random = random;
    this.#leavePct = meanBurst === undefined ? 100 - lossPct : 100 / meanBurst;
    // In the mean as many bursts end as begin.
    this.#enterPct = lossPct >= 100 ? 100 : (lossPct * this.#leavePct) / (100 - lossPct);
    this.#inBurst = random.happens(lossPct);
  }

  /** Whether the next packet is lost. */
  next(): boolean {
    if (this.#random.happens(this.#inBurst ? this.#leavePct : this.#enterPct)) this.#inBurst = !this.#inBurst;
    return this.#inBurst;
  }
}

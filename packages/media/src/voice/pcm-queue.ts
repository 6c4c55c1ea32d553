/** Space for what waits as a rule: a packet of 60 ms, and the rest of the one before. */
const USUAL_SAMPLES = 4 * 960;

/** Samples that were decoded and have not been played: a few frames at most. */
export class PcmQueue {
  #space = new Int16Array(USUAL_SAMPLES);
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#to - this.#from;
  }

  put(samples: Int16Array): void {
    const { length } = this;
    if (this.#to + samples.length > this.#space.length) {
      const kept = this.#space.subarray(this.#from, this.#to);
      if (length + samples.length > this.#space.length)
        this.#space = new Int16Array(2 * (length + samples.length));
      this.#space.set(kept);
      this.#from = 0;
      this.#to = length;
    }
    this.#space.set(samples, this.#to);
    this.#to += samples.length;
  }

  /** The oldest `count` of them, which must be there; the caller's to keep. */
  take(count: number): Int16Array {
    const taken = this.#space.slice(this.#from, this.#from + count);
    this.#from += count;
    if (this.#from === this.#to) this.#from = this.#to = 0;
    return taken;
  }
}

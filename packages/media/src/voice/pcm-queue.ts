/** Samples that were decoded and have not been played: a few frames at most. */
export class PcmQueue {
  #samples = new Int16Array(0);

  get length(): number {
    return this.#samples.length;
  }

  put(samples: Int16Array): void {
    const all = new Int16Array(this.#samples.length + samples.length);
    all.set(this.#samples);
    all.set(samples, this.#samples.length);
    this.#samples = all;
  }

  /** The oldest `count` of them, which must be there. */
  take(count: number): Int16Array {
    const taken = this.#samples.slice(0, count);
    this.#samples = this.#samples.slice(count);
    return taken;
  }
}

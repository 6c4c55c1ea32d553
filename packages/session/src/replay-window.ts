/** How far behind the highest counter a packet may be, packets: 41 s of 50 packets/s audio. */
export const REPLAY_WINDOW_PACKETS = 2048;

/** Which counters were seen (after RFC 6479): a ring of bits that slides with the highest one. */
export class ReplayWindow {
  readonly #bits = new Uint32Array(REPLAY_WINDOW_PACKETS / 32);
  #highest = -1;

  /** The highest counter marked; -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  check(counter: number): 'new' | 'replayed' | 'too-old' {
    if (counter > this.#highest) return 'new';
    if (counter <= this.#highest - REPLAY_WINDOW_PACKETS) return 'too-old';
    const bit = counter % REPLAY_WINDOW_PACKETS;
    return this.#bits[bit >>> 5]! & (1 << (bit & 31)) ? 'replayed' : 'new';
  }

  /** Marks a counter that {@link check} called new, once its packet is authenticated. */
  mark(counter: number): void {
    if (counter > this.#highest) {
      const skipped = Math.min(counter - this.#highest - 1, REPLAY_WINDOW_PACKETS);
      for (let i = 1; i <= skipped; i++) this.#set((counter - i) % REPLAY_WINDOW_PACKETS, false);
      this.#highest = counter;
    }
    this.#set(counter % REPLAY_WINDOW_PACKETS, true);
  }

  #set(bit: number, value: boolean): void {
    const mask = 1 << (bit & 31);
    if (value) this.#bits[bit >>> 5]! |= mask;
    else this.#bits[bit >>> 5]! &= ~mask;
  }
}

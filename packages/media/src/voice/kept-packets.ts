/** Most packets that are kept. */
const MAX_KEPT = 150;
/** Numbers remembered as played or given up, to tell late ones from copies. */
const REMEMBERED = 256;

export interface KeptPacket {
  opus: Uint8Array;
  frames: number;
}

/** Packets that wait to be played, by the number of their first frame, and which numbers were played. Bounded. */
export class KeptPackets {
  readonly #byNumber = new Map<number, KeptPacket>();
  readonly #played = new Float64Array(REMEMBERED).fill(-1);

  get size(): number {
    return this.#byNumber.size;
  }

  has(number: number): boolean {
    return this.#byNumber.has(number);
  }

  get(number: number): KeptPacket | undefined {
    return this.#byNumber.get(number);
  }

  /** Whether it is there, or has been. */
  knows(number: number): boolean {
    return this.has(number) || this.#played[number % REMEMBERED] === number;
  }

  /** False when it is there already. With too many the earliest goes. */
  keep(number: number, { opus, frames }: KeptPacket): boolean {
    if (this.has(number)) return false;
    this.#byNumber.set(number, { opus, frames });
    if (this.size > MAX_KEPT) this.#byNumber.delete(this.earliest(Number.NEGATIVE_INFINITY)!);
    return true;
  }

  /** Lowest number from that one on; null without any. */
  earliest(from: number): number | null {
    let earliest: number | null = null;
    for (const number of this.#byNumber.keys())
      if (number >= from && (earliest === null || number < earliest)) earliest = number;
    return earliest;
  }

  /** Takes out what is there. */
  take(number: number): KeptPacket {
    const packet = this.#byNumber.get(number)!;
    this.#byNumber.delete(number);
    return packet;
  }

  /** Throws away what is outside, both ends included; how many frames that was. */
  keepWithin(from: number, to = Number.POSITIVE_INFINITY): number {
    let dropped = 0;
    for (const [number, { frames }] of this.#byNumber) {
      if (number >= from && number <= to) continue;
      dropped += frames;
      this.#byNumber.delete(number);
    }
    return dropped;
  }

  clear(): void {
    this.#byNumber.clear();
  }

  notePlayed(number: number): void {
    this.#played[number % REMEMBERED] = number;
  }
}

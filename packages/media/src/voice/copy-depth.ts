import type { ReceivedAudio } from './received-audio.ts';

/** Copies of what was so many frames before are not waited for: nobody sends them. */
const MAX_DEPTH_FRAMES = 20;
/** A depth of copies that a packet shows counts for so long, ms. */
const DEPTH_LASTS_MS = 1000;

/** How many frames later the sender repeats what was lost, by what its packets show: so long it is worth waiting for. Pure. */
export class CopyDepth {
  #frames = 0;
  #untilMs = 0;

  get frames(): number {
    return this.#frames;
  }

  note({ number, frames, copies, hasFec }: ReceivedAudio, nowMs: number): void {
    let depth = frames - 1 + (hasFec ? frames : 0);
    for (const copy of copies) {
      const distance = number + frames - 1 - copy.number;
      if (distance <= MAX_DEPTH_FRAMES) depth = Math.max(depth, distance);
    }
    if (depth < this.#frames && nowMs < this.#untilMs) return;
    this.#frames = depth;
    this.#untilMs = nowMs + DEPTH_LASTS_MS;
  }
}

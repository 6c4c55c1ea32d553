import { JitterBuffer } from './jitter-buffer.ts';
import type { Pulled } from './pulled.ts';

export interface Arrival {
  number: number;
  atMs: number;
  copies?: number[];
}

/** The "packet" of a frame carries its number, so that what comes out can be told. */
export const packet = (number: number) => new Uint8Array(new Uint32Array([number]).buffer);
const numberOf = (opus: Uint8Array) => new Uint32Array(opus.slice().buffer)[0]!;
export const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
/** Numbers below 1 that a seed repeats (Park and Miller). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Frames sent every 20 ms, each taking `delayMs(number)`. */
export function stream(
  count: number,
  delayMs: (n: number) => number = () => 30,
  first = 0,
  everyMs = 20,
): Arrival[] {
  return Array.from({ length: count }, (_, i) => ({
    number: first + i,
    atMs: i * everyMs + delayMs(first + i),
  }));
}

interface Moment {
  atMs: number;
  kind: Pulled['kind'];
  number: number | null;
  delayMs: number;
  targetMs: number;
}

/** Plays arrivals against a clock that takes 20 ms every `tickMs`, with stretching that always works, by 5 ms, or by 10 in a hurry. */
export function play(arrivals: Arrival[], untilMs: number, { tickMs = 20, startMs = 7 } = {}) {
  const buffer = new JitterBuffer();
  const queue = [...arrivals].sort((a, b) => a.atMs - b.atMs);
  const moments: Moment[] = [];
  let arrived = 0;
  let pendingMs = 0;
  let mostKept = 0;
  for (let atMs = startMs; atMs < untilMs; atMs += tickMs) {
    while (arrived < queue.length && queue[arrived]!.atMs <= atMs) {
      const { number, atMs: arrivedAtMs, copies = [] } = queue[arrived++]!;
      const earlier = copies.map((copy) => ({ number: copy, frames: 1, opus: packet(copy) }));
      buffer.push({ number, frames: 1, opus: packet(number), copies: earlier, hasFec: false }, arrivedAtMs);
    }
    mostKept = Math.max(mostKept, buffer.keptPackets);
    while (pendingMs < 20) {
      const pulled = buffer.pull(atMs, pendingMs);
      pendingMs += 20;
      const number = pulled.kind === 'frame' ? numberOf(pulled.opus) : null;
      moments.push({
        atMs,
        kind: pulled.kind,
        number,
        delayMs: buffer.playoutDelayMs,
        targetMs: buffer.targetMs,
      });
      if (pulled.kind !== 'frame' || pulled.stretch === 'none') continue;
      const ms = { lengthen: 5, shorten: -5, 'shorten-now': -5, hurry: -10 }[pulled.stretch];
      buffer.noteStretched(ms);
      pendingMs += ms;
    }
    pendingMs -= 20;
  }
  const played = moments.flatMap(({ number }) => number ?? []);
  return { buffer, moments, played, mostKept };
}

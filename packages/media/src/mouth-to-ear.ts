import { FRAME_MS, SAMPLE_RATE_HZ } from './audio-format.ts';
import { findChirp, makeChirp } from './devices/loop-delay.ts';

const SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000;
/** Chirps are so far apart, ms: longer than any delay that is to be measured. */
const APART_MS = 1000;
/** And they are looked for so long, ms: not as long as the next one could be taken for them. */
const WINDOW_MS = APART_MS - 10;
/** {@link findChirp} is right to so many samples; from there on the sample is looked for at which they agree best. */
const COARSE_SAMPLES = 12;

/** So many chirps, one a second: a signal whose delay can be measured to the sample. */
export function makeChirps(count: number): Int16Array {
  const chirp = makeChirp();
  const samples = new Int16Array(count * APART_MS * SAMPLES_PER_MS);
  for (let n = 0; n < count; n++) samples.set(chirp, n * APART_MS * SAMPLES_PER_MS);
  return samples;
}

/** When the first sample was spoken, and the first of a recording heard, ms on one clock. */
export interface SoundClock {
  spokenFromMs: number;
  heardFromMs: number;
}

/**
 * How long each chirp of {@link makeChirps} was on its way into a recording, ms; null for those that were not heard within a
 * second.
 */
export function chirpDelays(recorded: Int16Array, count: number, clock: SoundClock): (number | null)[] {
  const chirp = makeChirp();
  return Array.from({ length: count }, (_, n) => {
    const spokenAt = Math.round((clock.spokenFromMs - clock.heardFromMs + n * APART_MS) * SAMPLES_PER_MS);
    const from = Math.max(0, spokenAt);
    const to = spokenAt + WINDOW_MS * SAMPLES_PER_MS + chirp.length;
    const window = recorded.subarray(from, Math.max(from, to));
    const foundMs = findChirp(window);
    if (foundMs === null) return null;
    const heardAt = from + refine(window, chirp, Math.round(foundMs * SAMPLES_PER_MS));
    return clock.heardFromMs + heardAt / SAMPLES_PER_MS - clock.spokenFromMs - n * APART_MS;
  });
}

/**
 * When the first sample of a recording that is played into a call is spoken: a microphone would have delivered it with a whole
 * frame, when that was over.
 */
export const spokenFrom = (firstFrameTakenAtMs: number): number => firstFrameTakenAtMs - FRAME_MS;

function refine(samples: Int16Array, chirp: Int16Array, near: number): number {
  let best = { at: near, sum: Number.NEGATIVE_INFINITY };
  for (let at = Math.max(0, near - COARSE_SAMPLES); at <= near + COARSE_SAMPLES; at++) {
    let sum = 0;
    for (let i = 0; i < chirp.length; i++) sum += chirp[i]! * (samples[at + i] ?? 0);
    if (sum > best.sum) best = { at, sum };
  }
  return best.at;
}

import { expect, test } from 'vitest';
import { FRAME_SAMPLES } from './audio-format.ts';
import { chirpDelays, makeChirps, spokenFrom } from './mouth-to-ear.ts';
import { OpusDecoder } from './opus-decoder.ts';
import { OpusEncoder } from './opus-encoder.ts';
import { samplesSource } from './sources.ts';
import { Playout } from './voice/playout.ts';

const CHIRPS = 3;
/** To the sample: 1/48 ms. */
const SAMPLE_MS = 1 / 48;

function late(samples: Int16Array, by: number): Int16Array {
  const out = new Int16Array(samples.length + by);
  out.set(samples, by);
  return out;
}

test.each([0, 1, 960, 4321, 40_000])('chirps that come %d samples late are found to the sample', (by) => {
  const heard = late(makeChirps(CHIRPS), by);
  for (const delayMs of chirpDelays(heard, CHIRPS, { spokenFromMs: 500, heardFromMs: 500 }))
    expect(delayMs).toBeCloseTo(by * SAMPLE_MS, 6);
});

test('that one side began earlier is not taken for delay', () => {
  const heard = late(makeChirps(CHIRPS), 48 * 300);
  const delays = chirpDelays(heard, CHIRPS, { spokenFromMs: 1270.5, heardFromMs: 1000 });
  for (const delayMs of delays) expect(delayMs).toBeCloseTo(300 - 270.5, 6);
});

test('one that is lost is missing, and the others are not', () => {
  const heard = makeChirps(CHIRPS);
  heard.fill(0, 48_000, 2 * 48_000);
  expect(chirpDelays(heard, CHIRPS, { spokenFromMs: 0, heardFromMs: 0 })).toEqual([0, null, 0]);
});

/** Spoken into a call in virtual time: the first three meet a jitter buffer that assumes jitter. */
const SPOKEN = 5;

/** Through the real encoder and decoder, a path of so many ms in virtual time, jitter buffer and playout. */
function throughCall(pathMs: number, tickPhaseMs: number): (number | null)[] {
  const [encoder, playout] = [new OpusEncoder(), new Playout(new OpusDecoder())];
  const source = samplesSource(makeChirps(SPOKEN), 'chirps');
  const heard = new Int16Array((SPOKEN + 1) * 48_000);
  const underWay: { atMs: number; number: number; opus: Uint8Array }[] = [];
  for (let frame = 0; frame * FRAME_SAMPLES < heard.length; frame++) {
    const nowMs = frame * 20;
    underWay.push({
      atMs: nowMs + pathMs,
      number: frame,
      opus: encoder.encode(source.next() ?? new Int16Array(960)),
    });
    while (underWay[0] !== undefined && underWay[0].atMs <= nowMs + tickPhaseMs) {
      const { number, opus, atMs } = underWay.shift()!;
      playout.receive(number, opus, atMs);
    }
    heard.set(playout.tick(nowMs + tickPhaseMs), frame * FRAME_SAMPLES);
  }
  return chirpDelays(heard, SPOKEN, { spokenFromMs: spokenFrom(0), heardFromMs: tickPhaseMs });
}

test.each([
  0, 7, 19,
])('a path of 50 ms without jitter is 120 ms from mouth to ear at most, with ticks %d ms apart', (phaseMs) => {
  // The first seconds assume jitter (docs/media.md).
  const delays = throughCall(50, phaseMs).slice(3);
  for (const delayMs of delays) {
    // Frame, look-ahead of Opus, path.
    expect(delayMs).toBeGreaterThanOrEqual(20 + 6.5 + 50 - SAMPLE_MS);
    expect(delayMs).toBeLessThanOrEqual(120);
  }
  expect(delays).toHaveLength(SPOKEN - 3);
});

test('a path that is longer by 30 ms is so from mouth to ear', () => {
  const [short, long] = [throughCall(50, 7).at(-1)!, throughCall(80, 7).at(-1)!];
  // Whatever lies between an arrival and the next tick comes on top.
  expect(Math.abs(long - short - 30)).toBeLessThanOrEqual(20);
});

import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { readRecording } from '../wav-reader.ts';
import { VoiceChain, type VoiceChoice } from './voice-chain.ts';

const RECORDINGS = join(import.meta.dirname, '../../../../test/recordings');
const RATE = 48_000;
const BLOCK = 480;
const SECONDS = 6;
const ONLY_ECHO = { echoCancellation: true, noiseSuppression: false, gainControl: false };
const ONLY_NOISE = { echoCancellation: false, noiseSuppression: true, gainControl: false };

/** Seeded, -1 to 1. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** What a microphone hears of a loudspeaker: 40 ms of delay through buffers, then a room whose echoes fade in 20 ms. */
function roomEcho(far: Int16Array): Float32Array {
  const random = randomSource(3);
  const taps = Array.from({ length: 24 }, (_, i) => ({
    at: 40 * 48 + i * 61,
    gain: random() * 0.35 * Math.exp((-i * 61) / (48 * 20)),
  }));
  const heard = new Float32Array(far.length);
  for (const { at, gain } of taps) for (let i = at; i < far.length; i++) heard[i]! += gain * far[i - at]!;
  return heard;
}

function asInt16(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (x) => Math.max(-32_768, Math.min(32_767, Math.round(x))));
}

function runThrough(chain: VoiceChain, mic: Int16Array, far: Int16Array): Int16Array {
  const out = new Int16Array(mic.length);
  for (let at = 0; at + BLOCK <= mic.length; at += BLOCK) {
    chain.hear(far.subarray(at, at + BLOCK));
    out.set(chain.process(mic.subarray(at, at + BLOCK)), at);
  }
  return out;
}

function energy(samples: ArrayLike<number>, fromS: number, toS: number): number {
  let sum = 0;
  for (let i = fromS * RATE; i < toS * RATE; i++) sum += samples[i]! ** 2;
  return sum;
}

const decibels = (ratio: number) => 10 * Math.log10(ratio);

/** Best correlation of the two within 20 ms of delay: 1 when one is the other, later and louder. */
function likeness(a: Int16Array, b: Int16Array, fromS: number, toS: number): number {
  let best = 0;
  for (let shift = 0; shift < 960; shift += 4) {
    let ab = 0;
    let bb = 0;
    for (let i = fromS * RATE; i < toS * RATE - 960; i += 2) {
      ab += a[i]! * b[i + shift]!;
      bb += b[i + shift]! ** 2;
    }
    best = Math.max(best, ab / Math.sqrt(bb));
  }
  return best / Math.sqrt(energy(a, fromS, toS) / 2);
}

async function load(choice: VoiceChoice): Promise<VoiceChain> {
  const chain = await VoiceChain.load(choice);
  onTestFinished(() => chain.close());
  return chain;
}

describe('a voice chain', () => {
  let far: Int16Array;
  let near: Int16Array;

  beforeAll(async () => {
    far = looped(await readRecording(join(RECORDINGS, 'alice.wav')));
    near = looped(await readRecording(join(RECORDINGS, 'bob.wav')));
  });

  function looped(samples: Int16Array): Int16Array {
    return Int16Array.from({ length: SECONDS * RATE }, (_, i) => samples[i % samples.length]!);
  }

  test('takes 15 dB and more of the echo of speech out, from the third second on', async () => {
    const echo = roomEcho(far);
    const out = runThrough(await load(ONLY_ECHO), asInt16(echo), far);
    expect(decibels(energy(echo, 2, SECONDS) / energy(out, 2, SECONDS))).toBeGreaterThan(15);
  });

  test('leaves alone who speaks while nobody else does', async () => {
    const out = runThrough(await load(ONLY_ECHO), near, new Int16Array(near.length));
    expect(Math.abs(decibels(energy(out, 1, SECONDS) / energy(near, 1, SECONDS)))).toBeLessThan(1);
    expect(likeness(near, out, 1, 3)).toBeGreaterThan(0.95);
  });

  test('when both speak, who is near is still heard', async () => {
    const echo = roomEcho(far);
    const both = asInt16(echo.map((x, i) => x + (i > 3 * RATE ? near[i]! : 0)));
    const out = runThrough(await load(ONLY_ECHO), both, far);
    expect(likeness(near, out, 4, 6)).toBeGreaterThan(0.7);
  });

  test('with headphones the first words of who is near are heard, though the other side speaks on', async () => {
    const random = randomSource(9);
    const mic = Int16Array.from(
      { length: far.length },
      (_, i) => 15 * random() + (i > 3 * RATE ? near[i - 3 * RATE]! : 0),
    );
    const spoken = mic.map((sample, i) => (i > 3 * RATE ? sample : 0));
    const out = runThrough(await load(ONLY_ECHO), mic, far);
    expect(likeness(spoken, out, 3, 5)).toBeGreaterThan(0.9);
  });

  test('who turns from headphones to a loudspeaker is heard without echo 1 s later, time and again', async () => {
    const random = randomSource(9);
    const echo = roomEcho(far);
    // Headphones and loudspeaker in turns, 3 s each.
    const isLoud = (i: number) => i % (6 * RATE) >= 3 * RATE;
    const mic = asInt16(echo.map((x, i) => 15 * random() + (isLoud(i) ? x : 0)));
    const chain = await load(ONLY_ECHO);
    // Their module has memory for 28: whoever is made anew takes the place of the one before.
    for (let others = 0; others < 25; others++) await load(ONLY_ECHO);
    for (let turn = 0; turn < 3; turn++) {
      const out = runThrough(chain, mic, far);
      expect(decibels(energy(mic, 4, SECONDS) / energy(out, 4, SECONDS))).toBeGreaterThan(10);
    }
  });

  test('takes the noise of a fan out of pauses and leaves the words', async () => {
    const random = randomSource(5);
    let rumble = 0;
    const fan = Float32Array.from({ length: SECONDS * RATE }, () => {
      rumble += 0.1 * (1500 * random() - rumble);
      return rumble;
    });
    const silence = new Int16Array(fan.length);
    const quiet = runThrough(await load(ONLY_NOISE), asInt16(fan), silence);
    expect(decibels(energy(fan, 2, SECONDS) / energy(quiet, 2, SECONDS))).toBeGreaterThan(20);
    const noisy = asInt16(fan.map((x, i) => x + near[i]!));
    const clean = runThrough(await load(ONLY_NOISE), noisy, silence);
    expect(likeness(near, clean, 2, 5)).toBeGreaterThan(0.9);
  });
});

test('further voice chains do not listen to what goes wrong in the program again', async () => {
  await VoiceChain.load(ONLY_ECHO);
  const before = process.listenerCount('uncaughtException');
  await VoiceChain.load(ONLY_ECHO);
  expect(process.listenerCount('uncaughtException')).toBe(before);
});

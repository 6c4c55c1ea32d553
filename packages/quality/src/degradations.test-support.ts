import { OpusDecoder, OpusEncoder, samplesSource } from '@overcall/media';

/** What may happen to speech, for tests. Every random choice comes from a seed. */

/** A small seeded generator of numbers from 0 to 1 (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function concat(parts: Int16Array[]): Int16Array {
  const out = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Cuts into pieces of this length and puts them together in another order. */
export function shuffled(samples: Int16Array, seconds: number, seed: number): Int16Array {
  const random = seeded(seed);
  const length = Math.round(seconds * 48_000);
  const pieces: Int16Array[] = [];
  for (let at = 0; at < samples.length; at += length) pieces.push(samples.subarray(at, at + length));
  for (let i = pieces.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [pieces[i], pieces[j]] = [pieces[j]!, pieces[i]!];
  }
  return concat(pieces);
}

export function whiteNoise(length: number, seed: number): Int16Array {
  const random = seeded(seed);
  return Int16Array.from({ length }, () => (random() - 0.5) * 10_000);
}

/** Sixty copies at random offsets and signs: noise with the spectrum of the speech. */
export function speechShapedNoise(samples: Int16Array, seed: number): Int16Array {
  const random = seeded(seed);
  const sum = new Float64Array(samples.length);
  for (let copy = 0; copy < 60; copy++) {
    const offset = Math.floor(random() * samples.length);
    const sign = random() < 0.5 ? -1 : 1;
    for (let i = 0; i < sum.length; i++) sum[i]! += sign * samples[(i + offset) % samples.length]!;
  }
  return Int16Array.from(sum, (value) => value / 8);
}

/** Noise with the loudness contour of the speech: its rhythm without its sounds. */
export function modulatedNoise(samples: Int16Array, seed: number): Int16Array {
  const random = seeded(seed);
  let envelope = 0;
  return samples.map((sample) => {
    envelope += (Math.abs(sample) - envelope) / 480;
    return envelope * (random() - 0.5) * 3;
  });
}

/** Every 1.5 s a frame of 20 ms is put in or left out, as a jitter buffer does; more in than out. */
export function withSlips(samples: Int16Array): Int16Array {
  const parts: Int16Array[] = [];
  for (let at = 0, i = 0; at < samples.length; at += 72_000, i++) {
    const piece = samples.subarray(at, at + 72_000);
    if (i % 5 < 3) parts.push(piece, new Int16Array(960));
    else parts.push(piece.subarray(0, Math.max(0, piece.length - 960)));
  }
  return concat(parts);
}

/** Through Opus at 24 kbit/s, some frames concealed. */
export function throughOpus(samples: Int16Array, concealedShare: number): Int16Array {
  const [encoder, decoder, random] = [new OpusEncoder(), new OpusDecoder(), seeded(4)];
  const source = samplesSource(samples, 'test');
  const frames: Int16Array[] = [];
  for (let frame = source.next(); frame; frame = source.next()) {
    const packet = encoder.encode(frame);
    frames.push(random() < concealedShare ? decoder.conceal() : decoder.decode(packet)!);
  }
  return concat(frames);
}

import { beforeAll, expect, test } from 'vitest';
import { FRAME_SAMPLES } from '../audio-format.ts';
import { OpusDecoder } from '../opus-decoder.ts';
import { OpusEncoder } from '../opus-encoder.ts';
import { seeded } from './jitter-buffer.test-support.ts';
import { Playout } from './playout.ts';
import { rmsOf } from './voice-activity.ts';

const SECOND = 50;
/** No encoder makes more than this; the wire takes it all the same. */
const LONGEST_PACKET = 1500;

/** A second of a voice of 200 Hz, again and again. */
let speech: Uint8Array[];
let silence: Uint8Array[];
let clipped: Uint8Array[];

beforeAll(() => {
  const encoded = (sample: (t: number) => number, seconds = 1) => {
    const encoder = new OpusEncoder();
    return Array.from({ length: seconds * SECOND }, (_, i) =>
      encoder.encode(Int16Array.from({ length: FRAME_SAMPLES }, (_, n) => sample(i * FRAME_SAMPLES + n))),
    );
  };
  speech = encoded((t) => 8000 * Math.sin((2 * Math.PI * 200 * t) / 48_000));
  silence = encoded(() => 0);
  clipped = encoded((t) => (t % 240 < 120 ? 32_767 : -32_768), 5);
});

/** One side that is talked to, a packet each 20 ms. */
class Listener {
  readonly playout = new Playout(new OpusDecoder());
  #tick = 0;
  mostKept = 0;

  /** Takes packets with these numbers; what is heard at each tick. */
  hear(packets: readonly { number: number; opus: Uint8Array }[]): Int16Array[] {
    return packets.map(({ number, opus }) => {
      const nowMs = this.#tick++ * 20;
      if (opus.length > 0) this.playout.receive(number & 0xffff, opus, nowMs);
      const heard = this.playout.tick(nowMs + 7);
      expect(heard).toHaveLength(FRAME_SAMPLES);
      this.mostKept = Math.max(this.mostKept, this.playout.keptPackets);
      return heard;
    });
  }
}

const numbered = (packets: Uint8Array[], seconds: number, first: number) =>
  Array.from({ length: seconds * SECOND }, (_, i) => ({
    number: first + i,
    opus: packets[i % packets.length]!,
  }));

/** Speech is heard in full from a second after it came on. */
function expectSpeechWithinASecond(listener: Listener, first: number): void {
  const before = listener.hear(numbered(speech, 1, first));
  expect(before).toHaveLength(SECOND);
  const concealed = listener.playout.stats.concealedFrames;
  const heard = listener.hear(numbered(speech, 2, first + SECOND));
  expect(Math.min(...heard.map(rmsOf))).toBeGreaterThan(3000);
  expect(listener.playout.stats.concealedFrames).toBe(concealed);
  expect(listener.playout.stats.playoutDelayMs).toBeLessThan(150);
  expect(listener.mostKept).toBeLessThanOrEqual(150);
}

test('a minute of silence leaves the delay as it is, and speech is heard after it', () => {
  const listener = new Listener();
  listener.hear(numbered(speech, 2, 0));
  const heard = listener.hear(numbered(silence, 60, 100));
  expect(Math.max(...heard.slice(SECOND).map(rmsOf))).toBeLessThan(30);
  expect(listener.playout.stats).toMatchObject({ concealedFrames: 0, lostFrames: 0, longestGapMs: 0 });
  expect(listener.playout.stats.playoutDelayMs).toBeLessThanOrEqual(40);
  expectSpeechWithinASecond(listener, 3100);
});

test('clipping input is heard as it is, and stays within 16 bits', () => {
  const listener = new Listener();
  const heard = listener.hear(numbered(clipped, 5, 0)).slice(5);
  expect(Math.min(...heard.map(rmsOf))).toBeGreaterThan(10_000);
  // A wrap shows as a step of twice the range where the wave is flat; a square wave has two steps in 240 samples.
  for (const frame of heard) {
    const steps = frame.subarray(1).filter((sample, n) => Math.abs(sample - frame[n]!) > 40_000).length;
    expect(steps).toBeLessThanOrEqual(10);
  }
  expectSpeechWithinASecond(listener, 250);
});

test.each([
  70, -60, 300, -300, 20_000, -20_000,
])('numbers that jump by %i: audio is back within a second', (jump) => {
  const listener = new Listener();
  listener.hear(numbered(speech, 2, 30_000));
  for (let again = 1; again <= 3; again++) expectSpeechWithinASecond(listener, 30_100 + again * (150 + jump));
});

const garbage: Record<string, (random: () => number, i: number) => Uint8Array> = {
  'random bytes': (random) =>
    Uint8Array.from({ length: 1 + Math.floor(random() * 120) }, () => Math.floor(random() * 256)),
  'packets cut short': (random, i) => speech[i % SECOND]!.slice(0, 1 + Math.floor(random() * 30)),
  'random bytes behind a header of 20 ms': (random) =>
    Uint8Array.from({ length: 60 }, (_, n) => (n === 0 ? 0x48 : Math.floor(random() * 256))),
  'frame counts up to 63': (random) => {
    const packet = Uint8Array.from({ length: 60 }, () => Math.floor(random() * 256));
    packet[0] = (Math.floor(random() * 32) << 3) | 3;
    packet[1] = Math.floor(random() * 256);
    return packet;
  },
  'the longest packets there are': (random) =>
    Uint8Array.from({ length: LONGEST_PACKET }, (_, n) => (n === 0 ? 0xfc : Math.floor(random() * 256))),
};

test.each(
  Object.keys(garbage),
)('%s from a peer that authenticates: no crash, and audio is back within a second', (name) => {
  for (const seed of [1, 2]) {
    const random = seeded(seed);
    const listener = new Listener();
    listener.hear(numbered(speech, 1, 0));
    listener.hear(
      Array.from({ length: 3 * SECOND }, (_, i) => ({
        // Numbers go on, or are anything.
        number: random() < 0.8 ? SECOND + i : Math.floor(random() * 65_536),
        opus: garbage[name]!(random, i),
      })),
    );
    expectSpeechWithinASecond(listener, 4 * SECOND);
  }
});

import { opusCarriesFec } from '@overcall/wire';
import { beforeAll, expect, test } from 'vitest';
import { FRAME_SAMPLES } from '../audio-format.ts';
import { OpusDecoder } from '../opus-decoder.ts';
import { OpusEncoder } from '../opus-encoder.ts';
import { packetsOf, spoken } from '../sound.test-support.ts';
import { Playout } from './playout.ts';

let packets: Uint8Array[];
let fecPackets: Uint8Array[];

beforeAll(async () => {
  const speech = (await spoken('bob')).subarray(0, 48_000 * 4);
  packets = packetsOf(speech);
  fecPackets = packetsOf(speech, new OpusEncoder({ fecForLossPct: 20 }));
});

/** Receives packet i at i * 20 ms, unless `lost`, and ticks 10 ms later. */
function run(sent: Uint8Array[], lost: (i: number) => boolean = () => false, first = 0) {
  const playout = new Playout(new OpusDecoder());
  let samples = 0;
  for (let i = 0; i < sent.length; i++) {
    if (!lost(i)) playout.receive((first + i) & 0xffff, sent[i]!, i * 20);
    samples += playout.tick(i * 20 + 10).length;
  }
  return { playout, samples };
}

test('every tick gives 20 ms, and nothing is counted before audio began', () => {
  const silent = new Playout(new OpusDecoder());
  expect(silent.tick(0)).toEqual(new Int16Array(FRAME_SAMPLES));
  expect(silent.stats).toMatchObject({ concealedFrames: 0, longestGapMs: 0, firstFrameAt: null });
  const { playout, samples } = run(packets);
  expect(samples).toBe(packets.length * FRAME_SAMPLES);
  expect(playout.stats.firstFrameAt).toBe(30);
  expect(playout.stats).toMatchObject({ concealedFrames: 0, lostFrames: 0, longestGapMs: 0 });
  expect(playout.stats.playedFrames).toBeGreaterThan(packets.length - 3);
});

test('lost frames are concealed, and the longest gap is that of frames in a row', () => {
  const { playout } = run(packets, (i) => i === 50 || (i >= 80 && i < 84));
  expect(playout.stats).toMatchObject({
    concealedFrames: 5,
    concealedBursts: 2,
    lostFrames: 5,
    recoveredFrames: 0,
    longestGapMs: 80,
  });
});

test('with FEC a single lost frame comes back and is no gap', () => {
  const { playout } = run(fecPackets, (i) => i === 70);
  expect(playout.stats).toMatchObject({
    concealedFrames: 0,
    recoveredFrames: 1,
    lostFrames: 0,
    longestGapMs: 0,
  });
});

test('frame numbers go on past 2^16', () => {
  const { playout } = run(packets, undefined, 65_500);
  expect(playout.stats).toMatchObject({ concealedFrames: 0, lostFrames: 0 });
});

test('frames that come again in later packets fill the gaps of the first', () => {
  const playout = new Playout(new OpusDecoder());
  packets.forEach((opus, i) => {
    const copies = [1, 2].flatMap((distance) => {
      const copy = packets[i - distance];
      return copy === undefined ? [] : [{ distance, opus: copy }];
    });
    if (i % 10 > 1 || i < 20) playout.receive(i, opus, i * 20, copies);
    playout.tick(i * 20 + 10);
  });
  expect(playout.stats).toMatchObject({
    concealedFrames: 0,
    lostFrames: 0,
    recoveredFrames: 0,
    longestGapMs: 0,
  });
});

test('packets of 60 ms play like three of 20 ms, and are recovered whole', async () => {
  const encoder = new OpusEncoder({ fecForLossPct: 20 });
  const playout = new Playout(new OpusDecoder());
  const speech = await spoken('bob');
  const long = Array.from({ length: 60 }, (_, i) =>
    encoder.encode(speech.slice(i * 3 * FRAME_SAMPLES, (i + 1) * 3 * FRAME_SAMPLES)),
  );
  const lost = long.findIndex((_, i) => i > 40 && opusCarriesFec(long[i + 1]!));
  long.forEach((opus, i) => {
    if (i !== lost) playout.receive(i * 3, opus, i * 60);
    for (const atMs of [10, 30, 50]) playout.tick(i * 60 + atMs);
  });
  expect(playout.stats).toMatchObject({ lostFrames: 0, recoveredFrames: 3, concealedFrames: 0 });
  expect(playout.stats.playedFrames).toBeGreaterThan(160);
});

test('a packet that cannot be decoded is like a lost one', () => {
  const damaged = packets.map((packet, i) => (i === 60 ? Uint8Array.of(0xff, 0xff) : packet));
  const { playout } = run(damaged);
  expect(playout.stats).toMatchObject({ concealedFrames: 1, longestGapMs: 20 });
});

test('when nothing comes any more it falls silent, and the gap goes on', () => {
  const { playout } = run(packets);
  let last: Int16Array = new Int16Array(1);
  for (let i = 0; i < 100; i++) last = playout.tick((packets.length + i) * 20 + 10);
  expect(last).toEqual(new Int16Array(FRAME_SAMPLES));
  expect(playout.stats.longestGapMs).toBe((100 - 1) * 20);
});

test('time in which the machine slept counts as a gap', () => {
  const { playout } = run(packets);
  playout.tick(packets.length * 20 + 10 + 5000);
  expect(playout.stats.longestGapMs).toBeGreaterThanOrEqual(4990);
});

test.each([
  100, 200, 280, 600, 1000,
])('a listener that takes nothing for %i ms hears every frame later, and the delay is made good', (heldUpMs) => {
  const playout = new Playout(new OpusDecoder());
  const delays: number[] = [];
  for (let i = 0; i < packets.length; i++) {
    playout.receive(i, packets[i]!, i * 20);
    const isHeldUp = i >= 60 && i * 20 < 60 * 20 + heldUpMs;
    if (!isHeldUp) playout.tick(i * 20 + 10);
    delays.push(playout.stats.playoutDelayMs);
  }
  expect(playout.stats).toMatchObject({ lostFrames: 0, lateFrames: 0, concealedFrames: 0 });
  const waiting = Math.max(0, delays.at(-1)! - 60) / 20;
  expect(playout.stats.playedFrames + waiting).toBeGreaterThan(packets.length - 4);
  expect(delays[60 + (heldUpMs + 1500) / 20]).toBeLessThan(Math.max(60, heldUpMs / 2));
  expect(delays.at(-1)).toBeLessThan(heldUpMs < 300 ? 60 : 300);
});

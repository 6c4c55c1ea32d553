import { readFileSync } from 'node:fs';
import { ReceptionMonitor } from '@overcall/call';
import { expect, test } from 'vitest';
import { FakeEncoder, fakeDecoder } from './fake-opus.test-support.ts';
import { Pair, Side } from './voice-loop.ts';
import { Bottleneck, Way, type WayKind } from './way.ts';

const FRAME = new Int16Array(960);
const PLAIN = { frames: 1, opusBytes: 60, copies: 0 };

function begin(kind: WayKind, { kbitPerS, seed = 1 }: { kbitPerS?: number; seed?: number } = {}) {
  const bottleneck = kbitPerS === undefined ? null : new Bottleneck(kbitPerS);
  const sides = [0, 1].map(() => new Side(new FakeEncoder(), fakeDecoder, 2 * kind.delayMs)) as [Side, Side];
  const ways = [new Way(kind, seed, bottleneck), new Way(kind, seed + 1, bottleneck)] as const;
  const pair = new Pair(sides, ways);
  let nowMs = 1000;
  /** Both talk for so long; modes of the first side, one for each 20 ms. */
  const talk = (seconds: number) =>
    Array.from({ length: seconds * 50 }, () => {
      pair.tick([FRAME, FRAME], nowMs);
      nowMs += 20;
      return sides[0].mode;
    });
  const become = (next: WayKind) => {
    for (const way of ways) way.become(next);
  };
  return { sides, bottleneck, talk, become };
}

test.each([
  [64, 80],
  // A queue that grows by less than 1% of the time is not seen.
  [80, 110],
])('%i kbit/s shared both ways never queue more than %i ms, and a wider link is used again', (kbitPerS, limitMs) => {
  const { sides, bottleneck, talk } = begin({ delayMs: 20 }, { kbitPerS });
  talk(60);
  expect(Math.max(...bottleneck!.queuesMs)).toBeLessThanOrEqual(limitMs);
  expect(sides[0].playout.stats.lostFrames).toBe(0);
  bottleneck!.become(1000);
  talk(120);
  for (const { mode } of sides) expect(mode).toMatchObject(PLAIN);
});

test.each([
  [48, 0, 85],
  [64, 0, 35],
  [64, 30, 100],
])('a call over %i kbit/s shared both ways, with up to %i ms of jitter, begins with a queue of less than %i ms', (kbitPerS, jitterMs, limitMs) => {
  const queuesMs = Array.from({ length: 15 }, (_, i) => {
    const { bottleneck, talk } = begin({ delayMs: 40, jitterMs }, { kbitPerS, seed: 2 * i + 1 });
    talk(10);
    return Math.max(...bottleneck!.queuesMs);
  }).sort((a, b) => a - b);
  expect(queuesMs[7]).toBeLessThan(limitMs);
});

test.each([
  [100, 0],
  [300, 0],
  [100, 30],
])('a path that becomes %i ms longer, with %i ms of jitter, is no queue', (longerMs, jitterMs) => {
  const { talk, become } = begin({ delayMs: 20, jitterMs });
  talk(10);
  become({ delayMs: 20 + longerMs, jitterMs });
  for (const mode of talk(20)) expect(mode).toMatchObject({ frames: 1, copies: 0 });
});

test('where what is too much is dropped, less is sent, and more when it is carried again', () => {
  const { sides, talk, become } = begin({ delayMs: 20, policedKbitPerS: 40 });
  talk(8);
  const before = sides[1].playout.stats.lostFrames;
  talk(10);
  expect(sides[1].playout.stats.lostFrames - before).toBe(0);
  become({ delayMs: 20 });
  talk(60);
  for (const { mode } of sides) expect(mode).toMatchObject(PLAIN);
});

test.each([
  10, 20, 30, 40,
])('random loss of %i percent is met with copies, and never taken for a policer', (lossPct) => {
  for (const seed of [1, 5, 9]) {
    const { talk } = begin({ delayMs: 20, lossPct }, { seed });
    talk(2);
    for (const mode of talk(30)) expect(mode.copies).toBeGreaterThan(1);
  }
});

test('loss of 20 percent is met with copies on a link with 60 ms of jitter either way that keeps packets in order, too', () => {
  for (const seed of [1, 5, 9, 13]) {
    const { sides, talk } = begin({ delayMs: 40, jitterMs: 120, inOrder: true, lossPct: 20 }, { seed });
    talk(3);
    const before = sides[1].playout.stats.lostFrames;
    for (const mode of talk(60)) expect(mode).toMatchObject({ frames: 1, copies: 3 });
    expect(sides[1].playout.stats.lostFrames - before).toBeLessThan(0.005 * 60 * 50);
  }
});

test('jitter that is taken for a queue leaves nobody without copies for a second where 20 percent is lost', () => {
  // Seeds of which some began with longer packets for up to 12 s.
  for (const seed of [25, 193, 285, 407, 479, 565, 757, 831]) {
    const { sides, talk } = begin({ delayMs: 40, jitterMs: 120, inOrder: true, lossPct: 20 }, { seed });
    expect(talk(6).filter(({ frames }) => frames > 1).length, `seed ${seed}`).toBeLessThan(50);
    expect(sides[1].playout.stats.lostFrames, `seed ${seed}`).toBeLessThan(24);
  }
});

test.each(['loopback', 'busy-loopback'])('what a machine does that is too busy is no queue: %s', (name) => {
  const file = new URL(`../../packages/media/src/voice/traces/${name}.json`, import.meta.url);
  const { delaysMs } = JSON.parse(readFileSync(file, 'utf8')) as { delaysMs: string };
  const monitor = new ReceptionMonitor();
  const arrivals = delaysMs.split(' ').map((delayMs, i) => ({ i, atMs: 1000 + i * 20 + Number(delayMs) }));
  for (const { i, atMs } of arrivals.sort((a, b) => a.atMs - b.atMs)) {
    monitor.handlePacket(i, 86, 'a', atMs);
    monitor.handleAudio(i + 1, atMs);
    expect(monitor.queueMs(atMs)).toBe(0);
  }
});

import { expect, test } from 'vitest';
import { PlaybackFeed } from './playback-feed.ts';

const FRAME = Int16Array.from({ length: 960 }, (_, i) => 8000 * Math.sin(i * 0.05));

interface Player {
  ppm: number;
  seconds: number;
  /** Whether it stands still at this time. */
  isStalled?(nowMs: number): boolean;
}

/** A player with a clock of its own, which reports every 60 ms how much it has played. */
function run({ ppm, seconds, isStalled = () => false }: Player) {
  const feed = new PlaybackFeed(60);
  let writtenMs = 0;
  let playedMs = 0;
  let dryMs = 0;
  const waiting: number[] = [];
  for (let frame = 0; frame < seconds * 50; frame++) {
    writtenMs += (feed.handleFrame(FRAME, 0)?.length ?? 0) / 48;
    const isPlaying = frame >= 3 && !isStalled(frame * 20);
    if (isPlaying) playedMs += 20 * (1 + ppm / 1e6);
    if (playedMs > writtenMs) {
      dryMs += playedMs - writtenMs;
      playedMs = writtenMs;
    }
    if (frame % 3 === 0) feed.handlePlayed(playedMs);
    waiting.push(writtenMs - playedMs);
  }
  return { feed, dryMs, waiting };
}

test.each([
  -500, -50, 0, 50, 500,
])('a player that is off by %d ppm gets what it needs for a minute', (ppm) => {
  const { dryMs, waiting, feed } = run({ ppm, seconds: 60 });
  expect(dryMs).toBe(0);
  expect(feed.droppedFrames).toBe(0);
  expect(Math.max(...waiting)).toBeLessThan(80);
  expect(Math.abs(waiting.at(-1)! - 60)).toBeLessThan(12);
});

test('what a player that stood still for a second has not played is said faster, and all of it', () => {
  const { waiting, feed } = run({ ppm: 0, seconds: 20, isStalled: (now) => now > 5000 && now < 6000 });
  expect(feed.droppedFrames).toBe(0);
  expect(waiting[50 * 6]).toBeGreaterThan(700);
  expect(waiting[50 * 9]).toBeLessThan(90);
});

test('no more than 2 s wait for a player that stands still', () => {
  const { waiting, feed } = run({ ppm: 0, seconds: 30, isStalled: (now) => now > 5000 && now < 15_000 });
  expect(Math.max(...waiting)).toBeLessThan(2050);
  expect(feed.droppedFrames).toBeGreaterThan(350);
  expect(waiting.at(-1)).toBeLessThan(90);
});

/** A player that goes on while frames come late, all that are due at once; how long it has nothing to play, second by second. */
function lateFrames(seconds: number, isHeldUp: (nowMs: number) => boolean) {
  const feed = new PlaybackFeed(60);
  let [writtenMs, playedMs, due] = [0, 0, 0];
  const dryMs = new Array<number>(seconds).fill(0);
  for (let nowMs = 0; nowMs < seconds * 1000; nowMs += 20) {
    due++;
    if (!isHeldUp(nowMs)) {
      for (let wanted = feed.wants(due); wanted > 0; wanted--)
        writtenMs += (feed.handleFrame(FRAME, 0)?.length ?? 0) / 48;
      due = 0;
    }
    const playableMs = nowMs < 60 ? 0 : Math.min(20, writtenMs - playedMs);
    if (nowMs >= 60) dryMs[Math.floor(nowMs / 1000)]! += 20 - playableMs;
    playedMs += playableMs;
    if (nowMs % 60 === 0) feed.handlePlayed(playedMs);
  }
  return { feed, dryMs, waitingMs: writtenMs - playedMs };
}

test('after frames were late a player gets what it had to play before and no more; where that happens often, more waits', () => {
  const once = lateFrames(60, (nowMs) => nowMs >= 5000 && nowMs < 5300);
  expect(once.feed.droppedFrames).toBe(0);
  expect(once.dryMs.reduce((sum, ms) => sum + ms)).toBeLessThan(300);
  expect(Math.abs(once.waitingMs - 60)).toBeLessThan(15);

  const often = lateFrames(160, (nowMs) => nowMs < 60_000 && nowMs % 1000 >= 840);
  expect(often.feed.droppedFrames).toBe(0);
  expect(often.dryMs[1]).toBeGreaterThan(40);
  expect(often.dryMs.slice(10).every((ms) => ms === 0)).toBe(true);
  expect(Math.abs(often.waitingMs - 60)).toBeLessThan(25);
});

test('without reports frames pass unchanged, until the pipe is full', () => {
  const feed = new PlaybackFeed(60);
  const samples = feed.handleFrame(FRAME, 0)!;
  expect(samples.subarray(2)).toEqual(FRAME.subarray(0, samples.length - 2));
  expect(feed.waitingMs).toBeNull();
  expect(feed.handleFrame(FRAME, 100_000)).toBeNull();
  expect(feed.droppedFrames).toBe(1);
});

test('with reports, too, more than 2 s never wait in the pipe, whatever a player says it has played', () => {
  const feed = new PlaybackFeed(60);
  feed.handlePlayed(1e6);
  expect(feed.handleFrame(FRAME, 190_000)).not.toBeNull();
  expect(feed.handleFrame(FRAME, 193_000)).toBeNull();
});

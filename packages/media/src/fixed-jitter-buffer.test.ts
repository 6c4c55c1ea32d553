import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FixedJitterBuffer } from './fixed-jitter-buffer.ts';
import type { Pulled } from './jitter-buffer.ts';

interface Arrival {
  number: number;
  atMs: number;
}

/** The "packet" of a frame carries its number, so that what comes out can be told. */
const packet = (number: number) => new Uint8Array(new Uint32Array([number]).buffer);
const numberOf = (opus: Uint8Array) => new Uint32Array(opus.slice().buffer)[0]!;

interface Moment {
  atMs: number;
  kind: Pulled['kind'];
  /** Number of the frame played, or of the packet offered for FEC. */
  number: number | null;
}

/** Plays arrivals against a clock that pulls every `pullMs` from `startMs` on. */
function play(
  arrivals: Arrival[],
  untilMs: number,
  buffer = new FixedJitterBuffer(),
  pullMs = 20,
  startMs = 7,
) {
  const queue = [...arrivals].sort((a, b) => a.atMs - b.atMs);
  const moments: Moment[] = [];
  for (let atMs = startMs; atMs < untilMs; atMs += pullMs) {
    while (queue.length > 0 && queue[0]!.atMs <= atMs) {
      const { number, atMs: arrivedAtMs } = queue.shift()!;
      buffer.push(number, packet(number), arrivedAtMs);
    }
    const pulled = buffer.pull(atMs);
    const opus = pulled.kind === 'frame' ? pulled.opus : pulled.kind === 'lost' ? pulled.next : null;
    moments.push({ atMs, kind: pulled.kind, number: opus ? numberOf(opus) : null });
  }
  const played = moments.filter((moment) => moment.kind === 'frame').map((moment) => moment.number!);
  return { moments, played, buffer };
}

/** Frames sent every `everyMs`, each taking `delayMs(number)`. */
function stream(
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

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test('frames without jitter play in order, each after the target delay', () => {
  const { played, moments, buffer } = play(stream(100), 2200);
  expect(played).toEqual(numbers(0, 100));
  const firstAtMs = moments.find((moment) => moment.kind === 'frame')!.atMs;
  expect(firstAtMs).toBeGreaterThanOrEqual(90);
  expect(firstAtMs).toBeLessThan(110);
  expect(buffer.playoutDelayMs).toBeGreaterThanOrEqual(60);
  expect(buffer.playoutDelayMs).toBeLessThan(80);
});

test('reordered frames play in order', () => {
  const { played } = play(
    stream(100, (n) => (n % 5 === 2 ? 75 : 30)),
    2200,
  );
  expect(played).toEqual(numbers(0, 100));
});

test('a lost frame is announced with the packet after it', () => {
  const { moments, played } = play(
    stream(50).filter(({ number }) => number !== 20),
    1000,
  );
  expect(played).not.toContain(20);
  const lost = moments.filter((moment) => moment.kind === 'lost');
  expect(lost[0]!.number).toBe(21);
});

test('late and duplicate frames are dropped and told apart', () => {
  const arrivals = stream(50);
  arrivals[10]!.atMs += 200;
  const copies = [arrivals[20]!, arrivals[21]!].map(({ number, atMs }) => ({ number, atMs: atMs + 300 }));
  const waiting = { number: 30, atMs: arrivals[30]!.atMs + 5 };
  const { played, buffer } = play([...arrivals, ...copies, waiting], 1000);
  expect(played).toEqual(numbers(0, 45).filter((n) => n !== 10));
  expect(buffer.stats.lateFrames).toBe(1);
  expect(buffer.stats.duplicateFrames).toBe(3);
});

test('after a long silence playing begins again with the target delay, without what is stale', () => {
  const before = stream(50);
  const after = stream(50, () => 30, 300).map((arrival) => ({ ...arrival, atMs: arrival.atMs + 6000 }));
  const { played, moments } = play([...before, ...after], 7200);
  expect(played).toEqual([...numbers(0, 50), ...numbers(300, 350)]);
  const restart = moments.find((moment) => moment.number === 300 && moment.kind === 'frame')!;
  expect(restart.atMs).toBeGreaterThanOrEqual(6090);
  expect(restart.atMs).toBeLessThan(6110);
  expect(moments.filter(({ kind, atMs }) => kind === 'lost' && atMs < 6000).length).toBeLessThan(25);
});

test('a burst of old frames after a stall does not come to lie in the buffer', () => {
  const held = stream(200).map((arrival) => ({ ...arrival, atMs: Math.max(arrival.atMs, 3000) }));
  const { buffer, moments, played } = play(held, 4000);
  expect(played[0]).toBeGreaterThanOrEqual(147);
  expect(buffer.playoutDelayMs).toBeLessThan(90);
  expect(moments.at(-1)!.kind).toBe('frame');
});

test('a path that becomes 600 ms longer costs the pause and nothing after it', () => {
  const { played } = play(
    stream(200, (n) => (n < 50 ? 30 : 630)),
    5000,
  );
  expect(played).toEqual(numbers(0, 200));
});

test.each([
  ['backwards', 5000],
  ['forwards', 100_000],
])('a jump of the numbers %s is followed within four frames', (_, first) => {
  const before = stream(50, () => 30, 50_000);
  const after = stream(50, () => 30, first).map((arrival) => ({ ...arrival, atMs: arrival.atMs + 1000 }));
  const { played, buffer } = play([...before, ...after], 2200);
  expect(played.filter((n) => n >= first && n < first + 50).length).toBeGreaterThanOrEqual(47);
  expect(buffer.stats.resyncs).toBe(1);
});

test('a single stray number changes nothing', () => {
  const stray = [
    { number: 40_000, atMs: 500 },
    { number: 9_000_000, atMs: 700 },
  ];
  const { played } = play([...stream(100), ...stray], 2200);
  expect(played).toEqual(numbers(0, 100));
});

test.each([
  ['faster', 19.98],
  ['slower', 20.02],
])('with a peer whose clock is 1000 ppm %s the delay stays near its target for ten minutes', (_, everyMs) => {
  const arrivals = stream(30_000, () => 30, 0, everyMs);
  const { played, buffer, moments } = play(arrivals, 30_000 * everyMs);
  expect(buffer.playoutDelayMs).toBeGreaterThan(30);
  expect(buffer.playoutDelayMs).toBeLessThan(110);
  expect(played.length).toBeGreaterThan(29_900);
  expect(moments.filter((moment) => moment.kind === 'empty').length).toBeLessThan(6);
});

test('a path that becomes 150 ms longer is followed within half a second, one 150 ms shorter within five', () => {
  const longer = stream(300, (n) => (n < 100 ? 30 : 180));
  const toLonger = play(longer, 6000);
  const missing = numbers(100, 130).filter((n) => !toLonger.played.includes(n));
  expect(missing.length).toBeLessThan(20);
  expect(toLonger.played.slice(-50)).toEqual(
    toLonger.played.slice(-1).flatMap((n) => numbers(n - 49, n + 1)),
  );
  expect(toLonger.buffer.playoutDelayMs).toBeGreaterThan(40);
  const shorter = play(
    stream(500, (n) => (n < 100 ? 180 : 30)),
    7000,
  );
  expect(shorter.buffer.playoutDelayMs).toBeLessThan(110);
});

test('for any loss, reordering, duplication and bursts: in order, each at most once, and never stuck', () => {
  const trace = fc.array(
    fc.record({
      lost: fc.integer({ min: 0, max: 9 }).map((n) => n < 2),
      jitterMs: fc.oneof({ weight: 9, arbitrary: fc.nat(70) }, { weight: 1, arbitrary: fc.nat(900) }),
      copyAfterMs: fc.option(fc.nat(200), { freq: 8 }),
    }),
    { minLength: 1, maxLength: 300 },
  );
  const burst = fc.record({ at: fc.nat(300), frames: fc.nat(120) });
  fc.assert(
    fc.property(trace, burst, fc.nat(65_535), (frames, { at, frames: gap }, first) => {
      const arrivals: Arrival[] = [];
      frames.forEach(({ lost, jitterMs, copyAfterMs }, i) => {
        const sentAtMs = (i < at ? i : i + gap) * 20;
        if (lost) return;
        const arrival = { number: first + (i < at ? i : i + gap), atMs: sentAtMs + jitterMs };
        arrivals.push(arrival);
        if (copyAfterMs !== null) arrivals.push({ ...arrival, atMs: arrival.atMs + copyAfterMs });
      });
      // Clean traffic after the trouble: it has to be played.
      const tailFirst = first + frames.length + gap + 60;
      const tailStartMs = (frames.length + gap) * 20 + 1200;
      const tail = stream(100, () => 30, tailFirst).map(({ number, atMs }) => ({
        number,
        atMs: atMs + tailStartMs,
      }));
      const { played } = play([...arrivals, ...tail], tailStartMs + 2200);
      for (let i = 1; i < played.length; i++) expect(played[i]!).toBeGreaterThan(played[i - 1]!);
      const tailPlayed = played.filter((n) => n >= tailFirst).length;
      expect(tailPlayed).toBeGreaterThanOrEqual(90);
    }),
    { numRuns: 300 },
  );
});

test('nothing a peer can number makes it throw, grow or play a frame twice in a row', () => {
  const push = fc.record({ number: fc.nat(2 ** 20), afterMs: fc.nat(60) });
  fc.assert(
    fc.property(fc.array(push, { maxLength: 400 }), (pushes) => {
      const buffer = new FixedJitterBuffer();
      let nowMs = 0;
      let last = -1;
      for (const { number, afterMs } of pushes) {
        nowMs += afterMs;
        buffer.push(number, packet(number), nowMs);
        const pulled = buffer.pull(nowMs);
        if (pulled.kind !== 'frame') continue;
        expect(numberOf(pulled.opus)).not.toBe(last);
        last = numberOf(pulled.opus);
      }
      expect(Number.isFinite(buffer.playoutDelayMs)).toBe(true);
    }),
  );
});

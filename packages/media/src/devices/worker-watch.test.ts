import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WorkerWatch } from './worker-watch.ts';

const BLOCK_MS = 10;

/** A microphone and a worker in virtual time; what comes out is kept in order: `12` processed, `13 raw`. */
class World {
  nowMs = 0;
  readonly out: string[] = [];
  readonly watch = new WorkerWatch(0);
  givenUpAtMs: number | null = null;
  /** Answers on their way, each with when it is there. */
  #answers: { block: number; atMs: number }[] = [];
  #underWay: number[] = [];
  #block = 0;

  /** The worker takes so long for a block that is sent at that time, ms; Infinity: it hangs. */
  until(endMs: number, answerAfterMs: (sentAtMs: number) => number): this {
    for (; this.nowMs < endMs; this.nowMs += BLOCK_MS) {
      this.readAnswers();
      this.handleBlock(answerAfterMs);
    }
    return this;
  }

  readAnswers(): void {
    for (; (this.#answers[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.nowMs; this.#answers.shift())
      if (this.watch.handleAnswer()) this.out.push(`${this.#underWay.shift()}`);
  }

  handleBlock(answerAfterMs: (sentAtMs: number) => number): void {
    const block = this.#block++;
    if (this.watch.handleBlock(this.nowMs)) {
      this.#underWay.push(block);
      // One after the other.
      const freeAtMs = Math.max(this.nowMs, this.#answers.at(-1)?.atMs ?? 0);
      this.#answers.push({ block, atMs: freeAtMs + answerAfterMs(this.nowMs) });
      return;
    }
    for (const waiting of this.#underWay.splice(0)) this.out.push(`${waiting} raw`);
    this.out.push(`${block} raw`);
    if (this.watch.isGivenUp) this.givenUpAtMs ??= this.nowMs;
  }

  get rawBlocks(): number[] {
    return this.out.filter((line) => line.endsWith('raw')).map((line) => Number.parseInt(line, 10));
  }
}

const PROMPT = () => 2;

describe('sound', () => {
  test('passes as it is until the worker is ready, and through it from then on', () => {
    const world = new World().until(200, PROMPT);
    world.watch.handleReady();
    world.until(1000, PROMPT);
    expect(world.out.slice(18, 22)).toEqual(['18 raw', '19 raw', '20', '21']);
    expect(world.rawBlocks).toHaveLength(20);
  });

  test('passes as it is 110 ms after a worker began to hang, without a hole; after 3 s more it is given up', () => {
    const world = new World();
    world.watch.handleReady();
    world.until(8000, (sentAtMs) => (sentAtMs < 1000 ? 2 : Number.POSITIVE_INFINITY));
    expect(world.rawBlocks[0]).toBe(100);
    expect(world.out.map((line) => Number.parseInt(line, 10))).toEqual([...world.out.keys()]);
    expect(world.out.length).toBe(800);
    expect(world.givenUpAtMs).toBe(1110 + 3000);
  });

  test('goes through a worker again that was late for half a second', () => {
    const world = new World();
    world.watch.handleReady();
    world.until(3000, (sentAtMs) => (sentAtMs === 1000 ? 500 : 2));
    const raw = world.rawBlocks;
    expect([raw[0], raw.at(-1)]).toEqual([100, 151]);
    expect(world.out.at(-1)).toBe('298');
    expect(world.givenUpAtMs).toBeNull();
  });

  test('goes past a worker that takes longer for a block than the block lasts, in the end for good', () => {
    const world = new World();
    world.watch.handleReady();
    world.until(60_000, () => 25);
    expect(world.givenUpAtMs).toBeGreaterThan(3000);
    expect(world.out.map((line) => Number.parseInt(line, 10))).toEqual([...world.out.keys()]);
  });

  test('goes past a worker that never becomes ready, and it is given up after 10 s', () => {
    expect(new World().until(20_000, PROMPT).givenUpAtMs).toBe(10_000);
  });
});

test('whoever was asleep for a second holds it against nobody', () => {
  const world = new World();
  world.watch.handleReady();
  world.until(1000, PROMPT);
  world.nowMs += 1000;
  // What the pipe had kept comes at once, before the answers are read.
  for (let i = 0; i < 20; i++) world.handleBlock(PROMPT);
  world.until(3000, PROMPT);
  expect(world.rawBlocks).toEqual([]);
});

test('what is played is sent to a worker that works, a second of it without any answer', () => {
  const watch = new WorkerWatch(0);
  expect(watch.handlePlayed()).toBe(false);
  watch.handleReady();
  const sent = () => Array.from({ length: 200 }, () => watch.handlePlayed()).filter(Boolean).length;
  expect(sent()).toBe(50);
  watch.handleBlock(10);
  watch.handleAnswer();
  expect(sent()).toBe(50);
});

test('whatever the worker does, every block comes out once and in order, and at most 30 are under way', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(1, 8, 12, 40, 90, 300, 2000), { minLength: 1 }), (delays) => {
      const world = new World();
      world.watch.handleReady();
      let i = 0;
      world.until(5000, () => delays[i++ % delays.length]!);
      expect(world.out.map((line) => Number.parseInt(line, 10))).toEqual([...world.out.keys()]);
      expect(world.out.length).toBeGreaterThanOrEqual(500 - 30);
    }),
  );
});

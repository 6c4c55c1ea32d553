import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REPLAY_WINDOW_PACKETS, ReplayWindow } from './replay-window.ts';

/** What the window must do, said with a set that forgets nothing. */
class Model {
  readonly seen = new Set<number>();
  highest = -1;

  check(counter: number): string {
    if (counter <= this.highest - REPLAY_WINDOW_PACKETS) return 'too-old';
    return this.seen.has(counter) ? 'replayed' : 'new';
  }

  mark(counter: number): void {
    this.seen.add(counter);
    this.highest = Math.max(this.highest, counter);
  }
}

describe('ReplayWindow', () => {
  it('is at least the 1,024 packets that the design asks for', () => {
    expect(REPLAY_WINDOW_PACKETS).toBeGreaterThanOrEqual(1024);
  });

  it('does what a set of all counters would, within its width', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -40, max: 40 }) },
      { weight: 2, arbitrary: fc.integer({ min: -2100, max: 2100 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 100_000 }) },
    );
    const start = fc.constantFrom(0, 31, 2047, 65_500, 2 ** 32 - 20, 2 ** 48 - 200_000);
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 400 }), (first, steps) => {
        const window = new ReplayWindow();
        const model = new Model();
        let at = first;
        for (const by of steps) {
          at = Math.max(0, at + by);
          const verdict = window.check(at);
          expect(verdict).toBe(model.check(at));
          if (verdict === 'new') {
            window.mark(at);
            model.mark(at);
          }
          expect(window.highest).toBe(model.highest);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('clears each skipped counter, whose bit a counter one width before it may have set', () => {
    for (const skipped of [1, 2, 31, 32, 33, REPLAY_WINDOW_PACKETS - 1]) {
      const window = new ReplayWindow();
      for (let counter = 0; counter < REPLAY_WINDOW_PACKETS; counter++) window.mark(counter);
      const next = REPLAY_WINDOW_PACKETS + skipped;
      window.mark(next);
      for (let counter = REPLAY_WINDOW_PACKETS; counter < next; counter++) {
        expect(window.check(counter)).toBe('new');
      }
      expect(window.check(next)).toBe('replayed');
    }
  });

  it('forgets exactly what falls out of it', () => {
    const window = new ReplayWindow();
    for (let counter = 0; counter < 5000; counter++) window.mark(counter);
    expect(window.check(5000 - REPLAY_WINDOW_PACKETS)).toBe('replayed');
    expect(window.check(5000 - REPLAY_WINDOW_PACKETS - 1)).toBe('too-old');
    window.mark(5000 + 10 * REPLAY_WINDOW_PACKETS);
    expect(window.check(5000 + 9 * REPLAY_WINDOW_PACKETS + 1)).toBe('new');
  });
});

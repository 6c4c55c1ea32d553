import { describe, expect, it } from 'vitest';
import { FIRST_ROUND } from './attempt-pace.ts';
import { type FailedTry, START_PATIENCE_MS, StartPatience } from './start-patience.ts';

const refused = (retryAfterMs?: number): FailedTry => ({ tookMs: 2, retryAfterMs });
const SILENCE: FailedTry = { tookMs: 5000, retryAfterMs: undefined };

describe('a softphone that nobody takes', () => {
  it('does not wait for supernodes that say nothing of room', () => {
    const patience = new StartPatience(0);
    patience.handleFailed('a', refused(), 10);
    expect(patience.waitsUntilMs(10)).toBeNull();
  });

  it('waits while one of them may have room soon, until that is known', () => {
    const patience = new StartPatience(0);
    patience.handleFailed('a', refused(), 10);
    patience.handleFailed('b', refused(4000), 10);
    expect(patience.waitsUntilMs(10)).toBe(10_010);
    expect(patience.waitsUntilMs(10_010)).toBeNull();
  });

  it('waits again when it is full again, within a minute in all', () => {
    const patience = new StartPatience(0);
    let nowMs = 0;
    for (let attempts = 1; attempts < 100; attempts++) {
      patience.handleFailed('a', refused(8000), nowMs);
      const untilMs = patience.waitsUntilMs(nowMs);
      if (untilMs === null) break;
      nowMs = untilMs;
    }
    expect(nowMs).toBeLessThanOrEqual(START_PATIENCE_MS);
    expect(nowMs).toBeGreaterThan(START_PATIENCE_MS - 16_000);
  });

  it('does not wait for room that comes too late, or for one that then refuses', () => {
    const patience = new StartPatience(0);
    patience.handleFailed('a', refused(START_PATIENCE_MS), 0);
    expect(patience.waitsUntilMs(0)).toBeNull();
    patience.handleFailed('b', refused(1000), 0);
    patience.handleFailed('b', refused(), 1100);
    expect(patience.waitsUntilMs(1100)).toBeNull();
  });

  /** Whether these, one after the other, are all that there is to be tried of so many. */
  const isTriedOut = (listed: number, ...failed: [id: string, what: FailedTry][]) => {
    const patience = new StartPatience(0);
    for (const [id, what] of failed) patience.handleFailed(id, what, 10);
    return patience.isTriedOut(listed);
  };
  const silent = (...ids: string[]) => ids.map((id): [string, FailedTry] => [id, SILENCE]);

  it('has tried one that refuses once, and one that does not answer twice', () => {
    expect(isTriedOut(1, ['a', refused()])).toBe(true);
    expect(isTriedOut(1, ...silent('a'))).toBe(false);
    expect(isTriedOut(1, ...silent('a', 'a'))).toBe(true);
    expect(isTriedOut(3, ...silent('a', 'b', 'c', 'a', 'b'))).toBe(false);
    expect(isTriedOut(3, ...silent('a', 'b', 'c', 'a', 'b', 'c'))).toBe(true);
  });

  it('of many tries no more than belong to the first round', () => {
    const ids = Array.from({ length: FIRST_ROUND }, (_, n) => `s${n}`);
    expect(isTriedOut(100, ...silent(...ids.slice(1)))).toBe(false);
    expect(isTriedOut(100, ...silent(...ids))).toBe(true);
  });

  it('takes no second try from one that does not answer because another one refuses again and again', () => {
    const dead = Array.from({ length: 4 }, (): [string, FailedTry] => ['dead', refused()]);
    expect(isTriedOut(2, ...dead, ...silent('slow'))).toBe(false);
    expect(isTriedOut(2, ...dead, ...silent('slow', 'slow'))).toBe(true);
  });
});

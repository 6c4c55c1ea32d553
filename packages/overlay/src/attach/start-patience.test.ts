import { describe, expect, it } from 'vitest';
import { START_PATIENCE_MS, StartPatience } from './start-patience.ts';

describe('a softphone that nobody takes', () => {
  it('does not wait for supernodes that say nothing of room', () => {
    const patience = new StartPatience(0);
    patience.handleFailed('a', undefined, 10);
    expect(patience.waitsUntilMs(10)).toBeNull();
  });

  it('waits while one of them may have room soon, until that is known', () => {
    const patience = new StartPatience(0);
    patience.handleFailed('a', undefined, 10);
    patience.handleFailed('b', 4000, 10);
    expect(patience.waitsUntilMs(10)).toBe(10_010);
    expect(patience.waitsUntilMs(10_010)).toBeNull();
  });

  it('waits again when it is full again, within a minute in all', () => {
    const patience = new StartPatience(0);
    let nowMs = 0;
    for (let attempts = 1; attempts < 100; attempts++) {
      patience.handleFailed('a', 8000, nowMs);
      const untilMs = patience.waitsUntilMs(nowMs);
      if (untilMs === null) break;
      nowMs = untilMs;
    }
    expect(nowMs).toBeLessThanOrEqual(START_PATIENCE_MS);
    expect(nowMs).toBeGreaterThan(START_PATIENCE_MS - 16_000);
  });

  it('does not wait for room that comes too late, or for one that then refuses', () => {
    const patience = new StartPatience(0);
    patience.handleFailed('a', START_PATIENCE_MS, 0);
    expect(patience.waitsUntilMs(0)).toBeNull();
    patience.handleFailed('b', 1000, 0);
    patience.handleFailed('b', undefined, 1100);
    expect(patience.waitsUntilMs(1100)).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { MINUTE_MS, RequestLimiter } from './request-limiter.ts';

describe('RequestLimiter', () => {
  it('lets each ask so often in a window, and says when to come back', () => {
    let nowMs = 0;
    const limiter = new RequestLimiter(2, MINUTE_MS, () => nowMs);
    limiter.count('alice');
    nowMs = 15_000;
    limiter.count('alice');
    expect(() => limiter.count('alice')).toThrow(
      expect.objectContaining({ code: 'rate-limited', retryAfterS: 45 }),
    );
    limiter.count('bob');
    nowMs = 60_000;
    limiter.count('alice');
  });

  it('does not lock anybody out when the clock is set back', () => {
    let nowMs = 1_000_000;
    const limiter = new RequestLimiter(1, MINUTE_MS, () => nowMs);
    limiter.count('alice');
    nowMs = 0;
    limiter.count('alice');
  });
});

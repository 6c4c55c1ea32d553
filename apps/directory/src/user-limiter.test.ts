import { describe, expect, it } from 'vitest';
import { UserLimiter } from './user-limiter.ts';

describe('UserLimiter', () => {
  it('lets each user ask so often in a minute, and says when to come back', () => {
    let nowMs = 0;
    const limiter = new UserLimiter(2, () => nowMs);
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
    const limiter = new UserLimiter(1, () => nowMs);
    limiter.count('alice');
    nowMs = 0;
    limiter.count('alice');
  });
});

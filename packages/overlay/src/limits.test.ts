import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixLimiter, sourcePrefix } from './prefix-limiter.ts';
import { totalBytesRate } from './relay-limits.ts';
import { TokenBucket } from './token-bucket.ts';

describe('TokenBucket', () => {
  it('lets a burst through, then its rate', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0);
    expect([0, 0, 0, 0].map((nowMs) => bucket.take(nowMs))).toEqual([true, true, true, false]);
    expect([bucket.take(99), bucket.take(100), bucket.take(101)]).toEqual([false, true, false]);
  });

  it('never lets through more than burst and rate allow, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 200 }), { maxLength: 300 }), (steps) => {
        const bucket = new TokenBucket({ perSecond: 20, burst: 5 }, 1000);
        let nowMs = 1000;
        let latestMs = 1000;
        let taken = 0;
        for (const step of steps) {
          nowMs += step;
          latestMs = Math.max(latestMs, nowMs);
          if (bucket.take(nowMs)) taken++;
        }
        expect(taken).toBeLessThanOrEqual(5 + ((latestMs - 1000) * 20) / 1000 + 1e-6);
      }),
    );
  });

  it('goes on with another rate and burst from when they are changed', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 10 }, 0);
    bucket.changeRate({ perSecond: 1, burst: 2 }, 0);
    expect([bucket.take(0, 2), bucket.take(0), bucket.take(999), bucket.take(1000)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    // What has been earned at the old rate is kept.
    bucket.changeRate({ perSecond: 100, burst: 100 }, 3000);
    expect([bucket.take(3000, 2), bucket.take(3000), bucket.take(3010)]).toEqual([true, false, true]);
  });

  it('tells how full it is', () => {
    const bucket = new TokenBucket({ perSecond: 1, burst: 4 }, 0);
    bucket.take(0, 3);
    expect(bucket.level(0)).toBe(0.25);
  });
});

describe('PrefixLimiter', () => {
  it('counts /24 and /56 together', () => {
    expect(sourcePrefix('192.0.2.1')).toBe(sourcePrefix('192.0.2.255'));
    expect(sourcePrefix('192.0.2.1')).not.toBe(sourcePrefix('192.0.3.1'));
    expect(sourcePrefix('::ffff:192.0.2.1')).toBe(sourcePrefix('192.0.2.2'));
    expect(sourcePrefix('2001:db8:0:ff::1')).toBe(sourcePrefix('2001:db8::9'));
    expect(sourcePrefix('2001:db8:0:100::1')).not.toBe(sourcePrefix('2001:db8::9'));
  });

  it('limits each prefix and all together, also when prefixes without number come', () => {
    const limits = { perPrefix: { perSecond: 0, burst: 2 }, all: { perSecond: 0, burst: 5000 } };
    const limiter = new PrefixLimiter(limits, 0);
    expect(['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((a) => limiter.take(a, 0))).toEqual([
      true,
      true,
      false,
    ]);
    let allowed = 0;
    for (let i = 0; i < 10_000; i++) if (limiter.take(`10.${i >> 8}.${i & 255}.1`, 0)) allowed++;
    expect(allowed).toBe(4998);
  });
});

describe('totalBytesRate', () => {
  it('turns Mbit/s into bytes', () => {
    expect(totalBytesRate(8)).toEqual({ perSecond: 1_000_000, burst: 200_000 });
  });
});

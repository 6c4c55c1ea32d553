import { CLOCK_TOLERANCE_S } from '@overcall/identity';
import type { ClockReading } from '@overcall/net';
import type { SelfTestResult } from '../options.ts';

/** What the difference to the directory's clock means, and how to mend it; null is unknown. */
export function clockCheck(found: ClockReading | null): SelfTestResult {
  const about = { check: 'clock', target: 'the directory', value: found?.aheadMs ?? null } as const;
  if (found === null) return { ...about, ok: true, detail: 'unknown: the directory does not answer' };
  const { aheadMs, errorMs } = found;
  const off = `${Math.abs(aheadMs / 1000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} the directory's`;
  // The benefit of what is not known exactly.
  const ok = Math.abs(aheadMs) <= CLOCK_TOLERANCE_S * 1000 + errorMs;
  return {
    ...about,
    ok,
    detail: ok
      ? `${off} clock, within ${errorMs} ms`
      : `this clock is ${off}, ${CLOCK_TOLERANCE_S} s are the most: set it, and have it kept right (systemctl enable --now systemd-timesyncd, or chrony)`,
  };
}

import type { CallReport } from '@overcall/nat-lab';
import { percentile } from '../percentile.ts';

export const isHeard = ({ caller, callee }: CallReport): boolean =>
  caller.playedFrames > 0 && callee.playedFrames > 0;

const worse = (a: number | null, b: number | null): number =>
  a === null || b === null ? Number.POSITIVE_INFINITY : Math.max(a, b);

/** Both sides' longest time without a frame to play, ms; Infinity where one never heard anything. */
export const gapOf = ({ caller, callee }: CallReport): number =>
  worse(caller.longestGapMs, callee.longestGapMs);

/** From the answer until both are heard, ms. */
export const firstAudioOf = ({ caller, callee }: CallReport): number =>
  worse(caller.firstAudioMs, callee.firstAudioMs);

/** Share of packets that never came, percent, on the worse side. */
export const lossOf = ({ caller, callee }: CallReport): number => worse(caller.lossPct, callee.lossPct);

/** From the answer until the path was direct, ms; 0 when that was before, Infinity when never. */
export const directAfterOf = ({ timeToDirectMs }: CallReport): number =>
  timeToDirectMs === null ? Number.POSITIVE_INFINITY : Math.max(0, timeToDirectMs);

/** `p50 87, p95 120, max 130 ms`; never is Infinity. */
export function spread(values: readonly number[], unit = 'ms'): string {
  const at = (share: number) => {
    const value = percentile(values, share);
    return Number.isFinite(value) ? String(Math.round(value * 10) / 10) : 'never';
  };
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)} ${unit}`;
}

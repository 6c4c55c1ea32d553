import { readFileSync } from 'node:fs';

const TICKS_PER_S = 100;

/** Time of the whole machine in soft interrupts so far, s (/proc/stat, seventh number of the first line). */
export function softirqSeconds(): number {
  return Number(readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/)[7]) / TICKS_PER_S;
}

import { readFileSync } from 'node:fs';

const TICKS_PER_S = 100;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** User and system time of a process so far, s (/proc/PID/stat, fields 14 and 15). */
export function usedSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

/** Time of the whole machine in soft interrupts so far, s (/proc/stat, seventh number of the first line). */
export function softirqSeconds(): number {
  return Number(readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/)[7]) / TICKS_PER_S;
}

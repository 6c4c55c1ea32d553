import { readFileSync } from 'node:fs';

const TICKS_PER_S = 100;

/** User and system time of a process so far, s (/proc/PID/stat, fields 14 and 15). */
export function usedSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Real-time priority for the thread that relays, and no other: then it hardly matters what else the machine does. It waits for nobody but
 * the kernel's own work, and for threads that collect garbage with it.
 */
export function preferThread(pid: number): void {
  const ticks = (tid: string) =>
    Number(readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8').split(') ')[1]!.split(' ')[11]);
  const [busiest] = readdirSync(`/proc/${pid}/task`).sort((a, b) => ticks(b) - ticks(a));
  execFileSync('chrt', ['--fifo', '-p', '1', busiest!]);
}

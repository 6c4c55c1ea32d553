import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { findProgram } from '../tools.ts';

/** The lowest but a few of the real-time priorities: above every ordinary program, below the kernel's own threads. */
const PRIORITY = '5';

/**
 * Lets the process that plays the links run as soon as it has something to do, also on a machine with more work than
 * processors. Only root may do that; the lab of an ordinary user waits for its turn like everybody.
 * @param innerPid its number in the process namespace of the lab
 */
export function prefer(holderPid: number, innerPid: number): void {
  const chrt = findProgram('chrt');
  const pid = process.getuid?.() === 0 && chrt ? outerPidOf(holderPid, innerPid) : null;
  // What is not permitted here after all, in a container say, is done without.
  if (pid !== null) spawnSync(chrt!, ['--all-tasks', '--fifo', '--pid', PRIORITY, pid], { stdio: 'ignore' });
}

/** The number outside of a process in the namespace of process 1 of a lab. */
function outerPidOf(holderPid: number, innerPid: number): string | null {
  const namespace = readlinkSync(`/proc/${holderPid}/ns/pid`);
  const isIt = (pid: string): boolean => {
    try {
      if (readlinkSync(`/proc/${pid}/ns/pid`) !== namespace) return false;
      const [, numbers] = /^NSpid:(.+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
      return Number(numbers!.trim().split(/\s+/).at(-1)) === innerPid;
    } catch {
      return false; // it ended in the meantime
    }
  };
  return readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && isIt(entry)) ?? null;
}

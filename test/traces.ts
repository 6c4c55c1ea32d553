import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What a run of tests leaves on the machine goes with it, however it ends: a test that is cut short in its middle (Ctrl-C, SIGTERM) ends nothing
 * and removes nothing itself. All that a run makes is in one folder, and all that it starts is known by that folder in its environment (Linux).
 */

/** Short, for the path of a Unix socket has 107 bytes at the most. */
const PREFIX = 'oc-test-';

/** Makes the folder, and has all that is started from here on use it. Removes what runs that were killed have left. */
export function removeTracesAtExit(): void {
  const parent = tmpdir();
  for (const name of readdirSync(parent)) if (isOfNobody(name)) remove(join(parent, name));
  const folder = join(parent, `${PREFIX}${process.pid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  process.env.TMPDIR = folder;
  process.once('exit', () => remove(folder));
}

/** Whether it is the folder of a run that is no more. */
export function isOfNobody(name: string): boolean {
  const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length)) : 0;
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function remove(folder: string): void {
  for (const pid of processesOf(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {} // it ended in the meantime
  }
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {} // somebody wrote to it until now: the next run removes it
}

/** Those that were started with this folder, or one in it, for temporary files. */
function processesOf(folder: string): number[] {
  return processes().filter((pid) => {
    try {
      const environ = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      const used = environ.find((variable) => variable.startsWith('TMPDIR='))?.slice('TMPDIR='.length);
      return pid !== process.pid && `${used}/`.startsWith(`${folder}/`);
    } catch {
      return false; // it ended in the meantime, or belongs to somebody else
    }
  });
}

function processes(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return []; // elsewhere than on Linux
  }
}

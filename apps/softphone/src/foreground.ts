import { readFileSync } from 'node:fs';

/**
 * Whether a shell has put this process in the background of its terminal. Whoever reads from the terminal then is stopped by the
 * kernel (SIGTTIN, POSIX 11.1.4), in the middle of whatever else it does.
 *
 * @param stat of this process, as in proc(5)
 */
export function isInBackground(stat: string | null = ownStat()): boolean {
  if (stat === null) return false;
  // The name, the second field, may have blanks and brackets in it.
  const [_state, _parent, group, _session, _terminal, foreground] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ');
  return foreground !== undefined && Number(foreground) > 0 && foreground !== group;
}

/** Null where there is no such file. */
function ownStat(): string | null {
  try {
    return readFileSync('/proc/self/stat', 'utf8');
  } catch {
    return null;
  }
}

import { readFileIfThere } from '@overcall/net';

/** Each softphone that is attached holds one open file, and so does each connection for datagrams. */
const NEEDED_OPEN_FILES = 4096;

/** Files and sockets that this process may have open; null where that cannot be known (not Linux) or has no limit. */
export function maxOpenFiles(): number | null {
  return openFilesOf(readFileIfThere('/proc/self/limits') ?? '');
}

/** The soft limit in the text of `/proc/PID/limits` (proc(5)). */
export function openFilesOf(limits: string): number | null {
  const found = /^Max open files\s+(\d+)\s/m.exec(limits);
  return found === null ? null : Number(found[1]);
}

/** What is wrong, and how to mend it; null when nothing is. */
export function openFilesTrouble(limit: number | null): string | null {
  if (limit === null || limit >= NEEDED_OPEN_FILES) return null;
  const mend = `LimitNOFILE=${NEEDED_OPEN_FILES} (systemd) or ulimit -n ${NEEDED_OPEN_FILES}`;
  return `only ${limit} files and sockets may be open: ${mend}, better more`;
}

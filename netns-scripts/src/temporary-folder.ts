import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A folder that is removed by `remove`, and by a signal that ends this process before. */
export function temporaryFolder(prefix: string): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const remove = () => {
    for (const signal of SIGNALS) process.off(signal, leave);
    rmSync(path, { recursive: true, force: true });
  };
  const leave = (signal: NodeJS.Signals) => {
    remove();
    process.kill(process.pid, signal); // as if nobody had listened
  };
  for (const signal of SIGNALS) process.on(signal, leave);
  return { path, remove };
}

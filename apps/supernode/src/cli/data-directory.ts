import { homedir } from 'node:os';
import { join } from 'node:path';

/** `--data`, else below `--home`, else where the XDG base directory specification puts data. */
export function dataDirectory(settings: { data?: string; home?: string }, env: NodeJS.ProcessEnv): string {
  if (settings.data !== undefined) return settings.data;
  if (settings.home !== undefined) return join(settings.home, 'supernode');
  const base = env.XDG_DATA_HOME || join(homedir(), '.local', 'share');
  return join(base, 'overcall', 'supernode');
}

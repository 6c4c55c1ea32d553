import { homedir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for each program but the softphone, so that they can share one `--home`. */
export type ProgramPart = '' | 'directory' | 'supernode';

/** Where a program keeps its files. */
export interface Places {
  configFile: string;
  dataDir: string;
}

/** One folder below `home`; without one, the folders of the XDG Base Directory Specification. */
export function placesOf(
  part: ProgramPart,
  home: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Places {
  if (home !== undefined) return { configFile: join(home, part, 'config.json'), dataDir: join(home, part) };
  const configHome = env.XDG_CONFIG_HOME || join(homedir(), '.config');
  const dataHome = env.XDG_DATA_HOME || join(homedir(), '.local', 'share');
  return {
    configFile: join(configHome, 'overcall', part, 'config.json'),
    dataDir: join(dataHome, 'overcall', part),
  };
}

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Programs a lab is made of, and the Debian package that has each. */
export const TOOLS = {
  sh: 'dash',
  env: 'coreutils',
  find: 'findutils',
  mount: 'mount',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  ip: 'iproute2',
  nft: 'nftables',
  perl: 'perl-base',
} as const;

export type Tool = keyof typeof TOOLS;

/** An ordinary user's PATH on Debian lacks the directories where `nft` is. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The absolute path of a tool, or null. */
export const findTool = (tool: Tool): string | null => findProgram(tool);

/** As {@link findTool}, for a program that a lab can do without. */
export function findProgram(name: string): string | null {
  const directories = [
    ...SYSTEM_DIRECTORIES,
    ...(process.env.PATH ?? '').split(':').filter((part) => part !== ''),
  ];
  for (const directory of directories) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return null;
}

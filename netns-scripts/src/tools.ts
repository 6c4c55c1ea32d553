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

/** Programs that only some scenarios need. */
export const OPTIONAL_TOOLS = {
  miniupnpd: { package: 'miniupnpd-nftables', for: 'scenarios with portMapping' },
} as const;

export type OptionalTool = keyof typeof OPTIONAL_TOOLS;

/** An ordinary user's PATH on Debian lacks the directories where `nft` is. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The absolute path of a tool, or null. */
export function findTool(tool: Tool | OptionalTool): string | null {
  const directories = [
    ...SYSTEM_DIRECTORIES,
    ...(process.env.PATH ?? '').split(':').filter((part) => part !== ''),
  ];
  for (const directory of directories) {
    const path = join(directory, tool);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return null;
}

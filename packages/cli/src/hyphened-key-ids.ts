import type { Command } from 'commander';
import { takesValue } from './command-tree.ts';

/** A SHA-256 in base64url that begins as an option does. One key id of 64 does, and no option is as long. */
const HYPHENED_KEY_ID = /^-[\w-]{42}$/;

/** The same command line, with such key ids where commander takes nothing for an option: behind all else, after `--`. */
export function putHyphenedKeyIdsLast(program: Command, args: readonly string[]): string[] {
  const flags = flagsWithValue(program);
  const isKeyId = (arg: string, i: number) => HYPHENED_KEY_ID.test(arg) && !flags.has(args[i - 1] ?? '');
  const keyIds = args.filter(isKeyId);
  if (keyIds.length === 0 || args.includes('--')) return [...args];
  return [...args.filter((arg, i) => !isKeyId(arg, i)), '--', ...keyIds];
}

function flagsWithValue({ options, commands }: Command): Set<string> {
  const own = options.filter(takesValue).flatMap(({ long, short }) => [long ?? '', short ?? '']);
  return new Set([...own, ...commands.flatMap((child) => [...flagsWithValue(child)])]);
}

import type { Command } from 'commander';
import { takesValue } from './command-tree.ts';

/** A SHA-256 in base64url that begins as an option does. One key id of 64 does, and no option is as long. */
const HYPHENED_KEY_ID = /^-[\w-]{42}$/;

/**
 * The same command line, so that commander takes no such key id for an option: `--` is put in front of the first one, and options that
 * come after it in front of that. What is no option stays in its order, for it may be the words of a message.
 */
export function guardHyphenedKeyIds(program: Command, args: readonly string[]): string[] {
  const flags = flagsWithValue(program);
  const isValue = (i: number) => flags.has(args[i - 1] ?? '');
  const isKeyId = (arg: string, i: number) => HYPHENED_KEY_ID.test(arg) && !isValue(i);
  const first = args.findIndex(isKeyId);
  if (first === -1 || args.includes('--')) return [...args];
  const isOption = (arg: string, i: number) =>
    i > first && (isValue(i) || (/^-./.test(arg) && !isKeyId(arg, i)));
  const options = args.filter(isOption);
  const rest = args.filter((arg, i) => i >= first && !isOption(arg, i));
  return [...args.slice(0, first), ...options, '--', ...rest];
}

function flagsWithValue({ options, commands }: Command): Set<string> {
  const own = options.filter(takesValue).flatMap(({ long, short }) => [long ?? '', short ?? '']);
  return new Set([...own, ...commands.flatMap((child) => [...flagsWithValue(child)])]);
}

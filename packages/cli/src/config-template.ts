import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OvercallError } from '@overcall/wire';
import type { Command, Option } from 'commander';
import { describeOption } from './program.ts';
import { collect, fileOptions, settingName } from './settings.ts';

/** What depends on the single start rather than on the machine. */
const NOT_KEPT = ['home', 'json', 'help', 'invite'];

/**
 * A configuration file in which every setting of the commands stands with what `--help` says of it: those that are given, the others
 * as comments with their default, or what belongs there.
 */
export function configText(
  program: Command,
  commands: readonly Command[],
  given: Readonly<Record<string, unknown>>,
): string {
  const byName = new Map<string, Option>();
  for (const option of [program, ...commands].flatMap((command) => command.options)) {
    byName.set(settingName(option), option);
  }
  const allowed = new Set(fileOptions(program).map(settingName));
  for (const name of byName.keys()) if (!allowed.has(name) || NOT_KEPT.includes(name)) byName.delete(name);
  const settings = [...byName].map(([name, option]) => {
    const key = JSON.stringify(option.long!.slice(2));
    const value = given[name];
    const line =
      value === undefined ? `// ${key}: ${placeholder(option)},` : `${key}: ${JSON.stringify(value)},`;
    return `  // ${describeOption(option)}\n  ${line}`;
  });
  return `// Settings of ${program.name()}. Flags and OVERCALL_* variables win.
// \`${program.name()} config check\` tells mistakes, and what is in force.
{
${settings.join('\n\n')}
}
`;
}

function placeholder(option: Option): string {
  if (option.isBoolean() || option.negate) return 'true';
  if (option.defaultValue !== undefined && option.defaultValueDescription === undefined) {
    return JSON.stringify(option.defaultValue);
  }
  const value = option.argChoices?.[0] ?? /<.*>/.exec(option.flags)?.[0] ?? '';
  return JSON.stringify(option.parseArg === collect ? [value] : value);
}

/** @throws OvercallError `file-exists`, unless `force`; for this user only: an invite may be put into it later */
export function writeConfig(file: string, text: string, { force }: { force: boolean }): void {
  if (!force && existsSync(file)) {
    throw new OvercallError('file-exists', `${file} is there already`, {
      remedy: 'change it, or replace it with --force',
    });
  }
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, text, { mode: 0o600 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('usage', `configuration file ${file} cannot be written (${code})`, { cause });
  }
}

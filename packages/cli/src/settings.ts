import { OvercallError } from '@overcall/wire';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { readConfigFile } from './config-file.ts';
import { type ProgramPart, placesOf } from './places.ts';

/** These say where the file is, or nothing that could be kept in it. */
const NOT_IN_FILE = ['config', 'version'];

/** Commands that must work whatever is in the configuration file, or before there is one. */
const commandsApart = new WeakMap<Command, 'flags' | 'flags-and-variables'>();

export function takesNoSettings(command: Command, but: 'flags' | 'flags-and-variables' = 'flags'): Command {
  commandsApart.set(command, but);
  return command;
}

/** Where the settings of a program are: what `--config` and `--home` say, or their variables. */
export function configFileOf(
  given: { config?: string | undefined; home?: string | undefined },
  part: ProgramPart,
  env: NodeJS.ProcessEnv = process.env,
): { file: string; isAskedFor: boolean } {
  const asked = given.config ?? (env.OVERCALL_CONFIG || undefined);
  const home = given.home ?? (env.OVERCALL_HOME || undefined);
  return { file: asked ?? placesOf(part, home, env).configFile, isAskedFor: asked !== undefined };
}

/**
 * Fills in what the command line left open: first from `OVERCALL_*` variables (empty ones count as absent), then
 * from the configuration file. That is JSON with comments, its keys named like the flags, `rate-limit` or `rateLimit`; settings
 * of the program's other commands may be in it too. Values pass the same checks wherever they come from.
 *
 * @throws OvercallError `usage`
 */
export function resolveSettings(
  command: Command,
  part: ProgramPart,
  env: NodeJS.ProcessEnv = process.env,
): void {
  const apart = commandsApart.get(command);
  if (apart === 'flags') return;
  const commands = lineageOf(command);
  for (const at of commands) {
    for (const option of at.options) applyVariable(at, option, env);
  }
  if (apart !== undefined) return;
  const { file, isAskedFor } = configFileOf(command.optsWithGlobals(), part, env);
  const settings = settingsIn(file, isAskedFor, commands.at(-1)!);
  for (const at of commands) {
    for (const option of at.options) applySetting(at, option, file, settings);
  }
}

/** For `argParser` of an option with many values: it repeats, or has commas between them, or is a JSON array. */
export function collect(text: string, before: unknown): string[] {
  const items = text.split(',').map((item) => item.trim());
  return [...((before as string[] | undefined) ?? []), ...items];
}

/** A setting without which the command cannot go on. @throws OvercallError `usage` */
export function needed<T>(value: T | undefined, flag: string): T {
  if (value === undefined) throw new OvercallError('usage', `${flag} is missing`);
  return value;
}

function applyVariable(command: Command, option: Option, env: NodeJS.ProcessEnv): void {
  if (option.long === '--version' || !isOpen(command, option)) return;
  const variable = variableOf(option);
  const given = env[variable];
  if (given === undefined || given === '') return;
  command.setOptionValueWithSource(option.attributeName(), parseSetting(option, given, variable), 'env');
}

function applySetting(command: Command, option: Option, file: string, settings: Map<string, unknown>): void {
  const name = settingName(option);
  if (!settings.has(name) || !isOpen(command, option)) return;
  const value = parseSetting(option, settings.get(name), `configuration file ${file}: "${name}"`);
  command.setOptionValueWithSource(option.attributeName(), value, 'config');
}

function isOpen(command: Command, option: Option): boolean {
  return (command.getOptionValueSource(option.attributeName()) ?? 'default') === 'default';
}

/** A value from a variable or a file, checked as the flag's. @throws OvercallError `usage`, beginning with `source` */
export function parseSetting(option: Option, value: unknown, source: string): unknown {
  if (option.isBoolean() || option.negate) {
    if (value === true || value === '1' || value === 'true') return !option.negate;
    if (value === false || value === '0' || value === 'false') return option.negate;
    throw new OvercallError('usage', `${source}: true or false is expected`);
  }
  const isList = option.parseArg === collect;
  const items = isList && Array.isArray(value) ? value : [value];
  if (items.some((item) => typeof item !== 'string' && typeof item !== 'number')) {
    const expected = isList ? 'a list of texts' : 'a text or a number';
    throw new OvercallError('usage', `${source}: ${expected} is expected`);
  }
  try {
    return items.reduce(
      (before: unknown, item) => option.parseArg?.(String(item), before) ?? String(item),
      undefined,
    );
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    // commander ends its own with a full stop, and what to do next follows.
    const why = error.message.replace(/\.$/, '');
    throw new OvercallError('usage', `${source}: ${JSON.stringify(value)}: ${why}`);
  }
}

/** The settings of the file by the name of their flag; none where a file that nobody asked for is not there. */
function settingsIn(file: string, isAskedFor: boolean, program: Command): Map<string, unknown> {
  const known = new Set(fileOptions(program).map(settingName));
  const settings = new Map<string, unknown>();
  for (const [key, value] of Object.entries(readConfigFile(file, isAskedFor) ?? {})) {
    const name = camelCase(key);
    if (!known.has(name)) throw new OvercallError('usage', unknownSetting(file, key));
    settings.set(name, value);
  }
  return settings;
}

export const unknownSetting = (file: string, key: string): string =>
  `configuration file ${file}: unknown setting "${key}"`;

/** The options of all commands that may be in the file. */
export function fileOptions(program: Command): Option[] {
  return optionsBelow(program).filter((option) => !NOT_IN_FILE.includes(settingName(option)));
}

export const variableOf = (option: Option): string =>
  `OVERCALL_${option.long!.slice(2).replaceAll('-', '_').toUpperCase()}`;

/** As the flag is called: `--no-x` is kept as the option `x`, but is `noX` in a file, and true to switch x off. */
export const settingName = (option: Option): string => camelCase(option.long!.slice(2));

export const camelCase = (name: string): string =>
  name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());

/** The command, its parent and so on up to the program. */
function lineageOf(command: Command): Command[] {
  return command.parent === null ? [command] : [command, ...lineageOf(command.parent)];
}

function optionsBelow(command: Command): Option[] {
  return [...command.options, ...command.commands.flatMap(optionsBelow)];
}

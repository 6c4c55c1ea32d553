import { readFileSync } from 'node:fs';
import { OvercallError } from '@overcall/wire';
import type { Command, Option } from 'commander';

/** Gives each option of the command and its subcommands the variable OVERCALL_<LONG_NAME>. */
export function bindEnvironment(command: Command): void {
  for (const option of command.options) {
    if (option.long !== undefined && option.long !== '--version' && option.envVar === undefined)
      option.env(environmentName(option));
  }
  for (const child of command.commands) bindEnvironment(child);
}

function environmentName(option: Option): string {
  return `OVERCALL_${option.long!.replace(/^--/, '').replaceAll('-', '_').toUpperCase()}`;
}

/**
 * Fills in from a JSON configuration file what neither a flag nor a variable gave. Keys are the flags' long names
 * (`"log-level": "debug"`); those of other commands are allowed, unknown ones are an error that names them.
 */
export function applyConfigFile(path: string, command: Command, required: boolean): void {
  const settings = readConfigFile(path, required);
  if (settings === null) return;
  const root = rootOf(command);
  const known = new Set(allOptions(root).map((option) => option.long?.replace(/^--/, '')));
  for (const key of Object.keys(settings)) {
    if (!known.has(key)) throw new OvercallError('usage', `${path}: unknown setting "${key}"`);
  }
  for (let at: Command | null = command; at !== null; at = at.parent) {
    for (const option of at.options) applySetting(path, at, option, settings);
  }
}

function applySetting(
  path: string,
  command: Command,
  option: Option,
  settings: Record<string, unknown>,
): void {
  const key = option.long?.replace(/^--/, '') ?? '';
  const source = command.getOptionValueSource(option.attributeName());
  if (!Object.hasOwn(settings, key) || (source !== undefined && source !== 'default')) return;
  const given = settings[key];
  const wanted = option.isBoolean() || option.negate ? 'boolean' : 'string';
  if (wanted === 'boolean' && typeof given !== 'boolean') {
    throw new OvercallError('usage', `${path}: "${key}" must be true or false`);
  }
  command.setOptionValueWithSource(option.attributeName(), parseSetting(path, key, option, given), 'config');
}

function parseSetting(path: string, key: string, option: Option, given: unknown): unknown {
  if (typeof given === 'boolean') return given;
  const values = (Array.isArray(given) ? given : [given]).map(String);
  if (option.argChoices && !values.every((value) => option.argChoices!.includes(value))) {
    throw new OvercallError('usage', `${path}: "${key}" must be one of ${option.argChoices.join(', ')}`);
  }
  try {
    let parsed: unknown = option.variadic ? values : values[0];
    if (option.parseArg) {
      parsed = undefined;
      for (const value of values) parsed = option.parseArg(value, parsed as never);
    }
    return parsed;
  } catch (cause) {
    throw new OvercallError('usage', `${path}: "${key}": ${(cause as Error).message}`, { cause });
  }
}

function readConfigFile(path: string, required: boolean): Record<string, unknown> | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (!required && (cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new OvercallError('usage', `configuration file ${path} cannot be read`, { cause });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch (cause) {
    throw new OvercallError('usage', `configuration file ${path}: ${(cause as Error).message}`, { cause });
  }
  throw new OvercallError('usage', `configuration file ${path} does not hold a JSON object`);
}

function rootOf(command: Command): Command {
  let root = command;
  while (root.parent !== null) root = root.parent;
  return root;
}

function allOptions(command: Command): Option[] {
  return [...command.options, ...command.commands.flatMap(allOptions)];
}

import { readFileSync } from 'node:fs';
import { OvercallError } from '@overcall/wire';
import { type Command, InvalidArgumentError, type Option } from 'commander';

/** What was chosen for the options of a command. */
export type Settings = Record<string, unknown>;

/**
 * Fills in what the command line left open: first from `OVERCALL_*` variables, then from the configuration file
 * (JSON, keys named like the flags). Values pass the same checks wherever they come from.
 *
 * @throws OvercallError `bad-option`
 */
export function resolveSettings(command: Command, env: NodeJS.ProcessEnv): Settings {
  const program = command.parent?.parent ?? command.parent ?? command;
  const file = (command.opts().config as string | undefined) ?? env.OVERCALL_CONFIG;
  const config = file === undefined ? new Map<string, unknown>() : readConfig(file, program);
  for (const option of command.options) {
    const name = option.attributeName();
    if ((command.getOptionValueSource(name) ?? 'default') !== 'default') continue;
    const variable = variableOf(option);
    const fromEnv = env[variable];
    if (fromEnv !== undefined) {
      command.setOptionValueWithSource(name, parse(option, fromEnv, variable), 'env');
    } else if (config.has(name)) {
      command.setOptionValueWithSource(name, parse(option, config.get(name), `${file}: ${name}`), 'config');
    }
  }
  return command.opts();
}

function variableOf(option: Option): string {
  return `OVERCALL_${(option.long ?? '').slice(2).replaceAll('-', '_').toUpperCase()}`;
}

/** Keys may be written `rateLimit` or `rate-limit`. */
function readConfig(file: string, program: Command): Map<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const reason = (cause as Error).message.split('\n', 1)[0];
    throw new OvercallError('bad-option', `configuration file ${file} cannot be read: ${reason}`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new OvercallError('bad-option', `configuration file ${file} is not a JSON object`);
  }
  const known = new Set(optionsBelow(program).map((option) => option.attributeName()));
  const config = new Map<string, unknown>();
  for (const [key, value] of Object.entries(parsed)) {
    const name = key.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
    if (!known.has(name))
      throw new OvercallError('bad-option', `configuration file ${file}: no option "${key}"`);
    config.set(name, value);
  }
  return config;
}

function optionsBelow(command: Command): Option[] {
  return [...command.options, ...command.commands.flatMap(optionsBelow)];
}

function parse(option: Option, value: unknown, source: string): unknown {
  if (option.isBoolean()) return parseBoolean(value, source);
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new OvercallError('bad-option', `${source}: a text or a number is expected`);
  }
  try {
    return option.parseArg ? option.parseArg(String(value), undefined) : String(value);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new OvercallError('bad-option', `${source}: ${JSON.stringify(value)}: ${error.message}`);
  }
}

function parseBoolean(value: unknown, source: string): boolean {
  if (value === true || value === '1' || value === 'true') return true;
  if (value === false || value === '0' || value === 'false' || value === '') return false;
  throw new OvercallError('bad-option', `${source}: true or false is expected`);
}

/** For `argParser`: a whole number within bounds. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most) {
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is expected`);
    }
    return number;
  };
}

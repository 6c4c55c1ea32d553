import { readFileSync } from 'node:fs';
import { OvercallError } from '@overcall/wire';
import { type Command, InvalidArgumentError, type Option } from 'commander';

/**
 * Fills in what the command line left open: first from `OVERCALL_*` variables, then from the configuration file
 * (JSON, keys named like the flags). Lists are JSON arrays there, and separated by commas in a variable.
 * @throws OvercallError `bad-option`
 */
export function resolveSettings<Settings>(command: Command, env: NodeJS.ProcessEnv): Settings {
  const file = (command.opts().config as string | undefined) ?? env.OVERCALL_CONFIG;
  const config = file === undefined ? {} : readConfig(file, command);
  for (const option of command.options) {
    const name = option.attributeName();
    if ((command.getOptionValueSource(name) ?? 'default') !== 'default') continue;
    const flag = option.long!.slice(2);
    const variable = `OVERCALL_${flag.replaceAll('-', '_').toUpperCase()}`;
    const given = env[variable] ?? config[flag];
    if (given === undefined) continue;
    const where = env[variable] === undefined ? `${file}: ${flag}` : variable;
    command.setOptionValueWithSource(name, parse(option, given, where), 'config');
  }
  return command.opts() as Settings;
}

function readConfig(file: string, command: Command): Record<string, unknown> {
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
  const known = new Set(
    command.parent!.commands.flatMap(({ options }) => options.map(({ long }) => long!.slice(2))),
  );
  for (const key of Object.keys(parsed)) {
    if (!known.has(key))
      throw new OvercallError('bad-option', `configuration file ${file}: no option "${key}"`);
  }
  return parsed as Record<string, unknown>;
}

function parse(option: Option, value: unknown, where: string): unknown {
  if (option.isBoolean()) {
    if (value === true || value === '1' || value === 'true') return true;
    if (value === false || value === '0' || value === 'false' || value === '') return false;
    throw new OvercallError('bad-option', `${where}: true or false is expected`);
  }
  const isList = option.parseArg === collect;
  const items = Array.isArray(value) ? value : isList ? String(value).split(',') : [value];
  if ((!isList && items.length !== 1) || items.some((item) => !['string', 'number'].includes(typeof item))) {
    throw new OvercallError(
      'bad-option',
      `${where}: ${isList ? 'a list of texts' : 'a text or a number'} is expected`,
    );
  }
  try {
    return items.reduce(
      (before: unknown, item) => option.parseArg?.(String(item).trim(), before) ?? String(item),
      undefined,
    );
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new OvercallError('bad-option', `${where}: ${JSON.stringify(value)}: ${error.message}`);
  }
}

/** For `argParser` of an option that repeats. */
export function collect(text: string, before: unknown): string[] {
  return [...((before as string[] | undefined) ?? []), text];
}

/** For `argParser`: a number within bounds. */
export function numberBetween(least: number, most: number, whole: boolean): (text: string) => number {
  return (text) => {
    const number = text.trim() === '' ? Number.NaN : Number(text);
    if (!(number >= least && number <= most) || (whole && !Number.isInteger(number))) {
      throw new InvalidArgumentError(`a ${whole ? 'whole ' : ''}number from ${least} to ${most} is expected`);
    }
    return number;
  };
}

import { existsSync } from 'node:fs';
import type { OvercallError } from '@overcall/wire';
import type { Command, Option } from 'commander';
import { readConfigFile } from './config-file.ts';
import { withoutControls } from './error-line.ts';
import { ExitCode } from './exit-code.ts';
import { createOutput } from './output.ts';
import type { ProgramPart } from './places.ts';
import { addExample, type CommonSettings } from './program.ts';
import {
  camelCase,
  configFileOf,
  fileOptions,
  parseSetting,
  settingName,
  takesNoSettings,
  unknownSetting,
  variableOf,
} from './settings.ts';

/** One setting that is in force for the commands that know it, and where it comes from. */
interface EffectiveSetting {
  setting: string;
  value: unknown;
  from: 'default' | 'file' | string;
}

export interface CheckedSettings {
  settings: EffectiveSetting[];
  /** What is wrong, a line each. */
  troubles: string[];
}

/** Adds `config check`. It must work with the very file that keeps all other commands from starting. */
export function addConfig(program: Command, part: ProgramPart): void {
  const config = program
    .command('config')
    .summary('what the configuration file says')
    .description('Looks into the configuration file.');
  addExample(config, `${program.name()} config check`);
  const check = config
    .command('check')
    .summary('find mistakes; show settings and where they come from')
    .description('Names each mistake in the file; without one, shows all settings and where they come from.');
  addExample(check, `${program.name()} config check --config new.json`).action(
    (_options: unknown, command: Command) => checkConfig(command, program, part),
  );
  takesNoSettings(check);
}

function checkConfig(command: Command, program: Command, part: ProgramPart): void {
  const { env } = process;
  const given = command.optsWithGlobals<CommonSettings>();
  const { file, isAskedFor } = configFileOf(given, part, env);
  const { settings, troubles } = checkSettings(program, { file, isAskedFor, env });
  const output = createOutput(given.json);
  for (const line of troubles)
    process.stderr.write(`${program.name()}: ${withoutControls(line)}; mend or remove it\n`);
  const place = { setting: 'config', value: file, from: existsSync(file) ? 'read' : 'not there' };
  const width = Math.max(...[place, ...settings].map(({ setting }) => setting.length));
  for (const found of [place, ...settings]) {
    const from = found.from === 'file' ? file : found.from;
    const value = typeof found.value === 'string' ? found.value : JSON.stringify(found.value);
    output.result({ ...found, from }, withoutControls(`${found.setting.padEnd(width)}  ${value}  (${from})`));
  }
  if (troubles.length > 0) process.exitCode = ExitCode.Usage;
}

/** What file and variables come to, for all commands together. A setting that is wrong counts as not given. */
export function checkSettings(
  program: Command,
  { file, isAskedFor, env }: { file: string; isAskedFor: boolean; env: NodeJS.ProcessEnv },
): CheckedSettings {
  const troubles: string[] = [];
  const optionsByName = Map.groupBy(fileOptions(program), settingName);
  const inFile = new Map<string, unknown>();
  for (const [key, value] of Object.entries(
    attempt(troubles, () => readConfigFile(file, isAskedFor)) ?? {},
  )) {
    if (optionsByName.has(camelCase(key))) inFile.set(camelCase(key), value);
    else troubles.push(unknownSetting(file, key));
  }
  const settings: EffectiveSetting[] = [];
  for (const [name, options] of optionsByName) {
    const variable = variableOf(options[0]!);
    const fromFile = inFile.has(name)
      ? tried(options, inFile.get(name), `configuration file ${file}: "${name}"`, troubles)
      : undefined;
    const fromVariable = env[variable] ? tried(options, env[variable], variable, troubles) : undefined;
    const byDefault = options[0]!.negate ? undefined : options[0]!.defaultValue;
    const setting = options[0]!.long!.slice(2);
    if (fromVariable !== undefined) settings.push({ setting, value: fromVariable, from: variable });
    else if (fromFile !== undefined) settings.push({ setting, value: fromFile, from: 'file' });
    else if (byDefault !== undefined) settings.push({ setting, value: byDefault, from: 'default' });
  }
  return { settings, troubles };
}

/** Commands may check a setting of one name differently: it has to please them all. As it is written for a `--no-` flag. */
function tried(options: Option[], value: unknown, source: string, troubles: string[]): unknown {
  const before = troubles.length;
  const [parsed] = options.map((option) => attempt(troubles, () => parseSetting(option, value, source)));
  const [first, ...others] = troubles.splice(before);
  if (first !== undefined) troubles.push(first, ...others.filter((line) => line !== first));
  if (first !== undefined) return undefined;
  return options[0]!.negate ? !parsed : parsed;
}

function attempt<T>(troubles: string[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    troubles.push((error as OvercallError).message);
    return undefined;
  }
}

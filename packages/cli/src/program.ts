import type { EventEmitter } from 'node:events';
import { Command, Option } from 'commander';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import type { ProgramPart } from './places.ts';
import { resolveSettings } from './settings.ts';

/** What every command of every program takes. */
export interface CommonSettings {
  json?: boolean;
  home?: string;
  config?: string;
  logLevel: LogLevel;
}

export interface ProgramDescription {
  name: string;
  part: ProgramPart;
  version: string;
  description: string;
  example: string;
  logLevel: LogLevel;
}

/**
 * A program with the options that all share. They may stand before or after the subcommand; what an action finds
 * in `command.optsWithGlobals()` has come from flag, variable or file.
 */
export function createProgram({ name, part, version, description, ...rest }: ProgramDescription): Command {
  const program: Command = new Command(name)
    .description(description)
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this')
    .helpCommand(false)
    .configureHelp({ optionDescription: describeOption })
    .option('--json', 'newline-delimited JSON on stdout')
    .option('--home <dir>', 'keep everything there (default the XDG folders)')
    .option('--config <file>', 'settings (default config.json, see --home)')
    .addOption(
      new Option('--log-level <level>', 'log to stderr from this level on')
        .choices(LOG_LEVELS)
        .default(rest.logLevel),
    )
    .hook('preAction', (_program, command) => resolveSettings(command, part))
    .addHelpText('afterAll', ({ command }) => (command === program ? '' : commonOptionsText(program)));
  addExample(program, rest.example);
  return program.addHelpText(
    'after',
    'Each flag can also come from a variable (OVERCALL_LOG_LEVEL) or from --config.',
  );
}

/** Shows how the command is used, below its help. */
export function addExample(command: Command, example: string): Command {
  return command.addHelpText('after', `\nExample:\n${example.replace(/^/gm, '  ')}`);
}

/** What stands below `Example:` in the help of the command, without indent. */
export function exampleOf(command: Command): string | undefined {
  const parts: string[] = [];
  // An emitter, as commander documents for `on`, but its types leave `emit` out.
  const emitter = command as unknown as EventEmitter;
  emitter.emit('afterHelp', { error: false, command, write: (text: string) => parts.push(text) });
  const [, example] = parts.join('').match(/(?:^|\n)Example:\n((?: {2}.*\n?)+)/) ?? [];
  return example?.replace(/^ {2}/gm, '').trimEnd();
}

/** Repeated in the help of each command, they would fill the screen. */
function commonOptionsText(program: Command): string {
  const flags = program.options.map(({ long }) => long).filter((long) => long !== '--version');
  return `\nFor all commands, see ${program.name()} --help:\n  ${flags.join(', ')}`;
}

/** Shorter than commander's own: no quotes, and the default among the choices. */
export function describeOption({
  description,
  argChoices,
  defaultValue,
  defaultValueDescription,
}: Option): string {
  const notes = [
    ...(argChoices ? [argChoices.join(', ')] : []),
    ...(defaultValue === undefined ? [] : [`default ${defaultValueDescription ?? defaultValue}`]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}

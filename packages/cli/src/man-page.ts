import type { Command, Option } from 'commander';
import { type CommandNode, commandTree, nodesOf } from './command-tree.ts';
import { ExitCode } from './exit-code.ts';
import { addExample, describeOption, exampleOf } from './program.ts';
import { takesNoSettings } from './settings.ts';

/** The manual section of each program: commands of users, and of those who run a machine (man-pages(7)). */
const SECTIONS: Readonly<Record<string, number>> = { overcall: 1 };

/** Of the contract for all three programs. */
const EXIT_TEXTS: readonly [number, string][] = [
  [ExitCode.Done, 'done'],
  [ExitCode.Error, 'error'],
  [ExitCode.Usage, 'wrong flag, file or value'],
  [ExitCode.Unreachable, 'unreachable: nobody there, no network, timeout'],
  [ExitCode.BusyOrDeclined, 'busy or declined'],
  [ExitCode.NotAuthorised, 'not authorised'],
  [ExitCode.NotDirect, 'connected but not direct although that was required'],
  [ExitCode.Interrupted, 'interrupted'],
];

/** Adds `man`, which `npm run pack` uses; not shown in the help. */
export function addMan(program: Command): void {
  const command = program.command('man', { hidden: true }).description('the manual page, as roff');
  addExample(takesNoSettings(command), `${program.name()} man | man -l -`).action(() => {
    process.stdout.write(manPage(program));
  });
}

export const manFileOf = (name: string): string => `${name}.${SECTIONS[name] ?? 8}`;

/** The manual page of a program (man(7)), from what `--help` shows. */
export function manPage(program: Command): string {
  const root = commandTree(program);
  const name = program.name();
  const commands = nodesOf(root).filter(({ path, children }) => path.length > 0 && children.length === 0);
  const lines = [
    `.TH ${name.toUpperCase()} ${SECTIONS[name] ?? 8} "" "${name} ${program.version()}" "Overcall"`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(program.description().replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    ...synopsis(name, root),
    '.SH OPTIONS',
    'These may stand before or after the command.',
    ...program.options.flatMap(optionLines),
    '.SH COMMANDS',
    ...commands.flatMap((node) => commandLines(name, node)),
    '.SH ENVIRONMENT',
    'Each flag can also come from a variable:',
    ...named('OVERCALL_LOG_LEVEL', 'as --log-level, and so on for every flag'),
    ...named('NO_COLOR', 'no colours'),
    '.SH FILES',
    ...named('config.json', `settings; see --home and --config, and ${name} config check`),
    '.SH EXIT STATUS',
    ...EXIT_TEXTS.flatMap(([code, text]) => named(String(code), text)),
    '.SH EXAMPLE',
    ...exampleLines(program),
  ];
  return `${lines.join('\n')}\n`;
}

const synopsis = (name: string, { path, command }: CommandNode): string[] => {
  const words = [name, ...path].map(roff).join(' ');
  return [`.B ${words}`, roff(command.usage())];
};

function commandLines(name: string, node: CommandNode): string[] {
  return [
    `.SS "${roff([name, ...node.path].join(' '))}"`,
    ...synopsis(name, node),
    '.PP',
    textLine(node.command.description()),
    ...node.command.options.flatMap(optionLines),
    ...(exampleOf(node.command) === undefined ? [] : ['.PP', 'Example:', ...exampleLines(node.command)]),
  ];
}

const optionLines = (option: Option): string[] => named(option.flags, describeOption(option));

const named = (term: string, text: string): string[] => ['.TP', `.B ${roff(term)}`, textLine(text)];

const exampleLines = (command: Command): string[] => [
  '.PP',
  '.nf',
  ...(exampleOf(command) ?? '').split('\n').map(textLine),
  '.fi',
];

/** Backslashes and hyphens have a meaning of their own: a hyphen that is meant to be typed is `\-`. */
const roff = (text: string): string =>
  text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('\n', ' ');

/** A line that begins with a dot or an apostrophe would be a request. */
const textLine = (text: string): string => roff(text).replace(/^(?=[.'])/, '\\&');

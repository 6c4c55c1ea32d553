import { Argument, type Command, type Option } from 'commander';
import { type CommandNode, commandTree, nodesOf, summaryOf, takesValue } from './command-tree.ts';
import { addExample } from './program.ts';
import { takesNoSettings } from './settings.ts';

/**
 * Completion scripts, made from the definitions that `--help` shows: they ask no program while somebody types. After a flag
 * they offer its choices, or file names, or nothing; else the commands and flags that can follow.
 */
const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };
type Shell = keyof typeof SHELLS;

export function addCompletion(program: Command): void {
  const name = program.name();
  const command = program
    .command('completion')
    .summary('completion script for a shell')
    .description('Prints a script by which a shell completes commands, flags and their values.')
    .addArgument(new Argument('<shell>').choices(Object.keys(SHELLS)))
    .action((shell: Shell) => {
      process.stdout.write(SHELLS[shell](program));
    });
  addExample(
    takesNoSettings(command),
    `source <(${name} completion bash)\n` +
      `${name} completion zsh > "\${fpath[1]}/_${name}"\n` +
      `${name} completion fish > ~/.config/fish/completions/${name}.fish`,
  );
}

/** What a value is, as far as its placeholder in `--help` tells. */
function valueKind({ flags }: Option): 'file' | 'folder' | 'other' {
  if (/<(file|src)>/.test(flags)) return 'file';
  return /<dir>/.test(flags) ? 'folder' : 'other';
}

const flagsOf = ({ long, short }: Option): string[] => [long, short].flatMap((flag) => flag ?? []);
const keyOf = (node: CommandNode): string => node.path.join(' ');
const functionOf = (program: Command): string => `_${program.name().replaceAll('-', '_')}`;
/** For a text in single quotes. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

export function bashCompletion(program: Command): string {
  const nodes = nodesOf(commandTree(program));
  const paths = nodes.filter(({ path }) => path.length > 0).map((node) => quoted(keyOf(node)));
  const words = nodes.map((node) => {
    const names = [...node.children.map(({ path }) => path.at(-1)!), ...node.options.flatMap(flagsOf)];
    return `    ${quoted(keyOf(node))}) words=${quoted([...names, ...choicesOfArguments(node)].join(' '))} ;;`;
  });
  const values = uniqueOptions(nodes).map((option) => {
    const offer = {
      file: 'COMPREPLY=($(compgen -f -- "$current"))',
      folder: 'COMPREPLY=($(compgen -d -- "$current"))',
      other: `COMPREPLY=($(compgen -W ${quoted((option.argChoices ?? []).join(' '))} -- "$current"))`,
    };
    return `    ${flagsOf(option).join('|')}) ${offer[valueKind(option)]}; return ;;`;
  });
  return `# bash completion for ${program.name()}
${functionOf(program)}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" at='' word words=''
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${at:+$at }$word" in
    ${paths.join('|')}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$previous" in
${values.join('\n')}
  esac
  case "$at" in
${words.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -o bashdefault -F ${functionOf(program)} ${program.name()}
`;
}

export function zshCompletion(program: Command): string {
  const nodes = nodesOf(commandTree(program));
  const paths = nodes.filter(({ path }) => path.length > 0).map((node) => quoted(keyOf(node)));
  const item = (word: string, text: string) => quoted(`${word.replaceAll(':', '\\:')}:${text}`);
  const words = nodes.map((node) => {
    const items = [
      ...node.children.map(({ path, command }) => item(path.at(-1)!, summaryOf(command))),
      ...choicesOfArguments(node).map((choice) => item(choice, '')),
      ...node.options.flatMap((option) => flagsOf(option).map((flag) => item(flag, option.description))),
    ];
    return `    ${quoted(keyOf(node))}) items=(${items.join(' ')}) ;;`;
  });
  const values = uniqueOptions(nodes).map((option) => {
    const offer = {
      file: '_files',
      folder: '_files -/',
      other: option.argChoices ? `compadd -- ${option.argChoices.map(quoted).join(' ')}` : '_message value',
    };
    return `    ${flagsOf(option).join('|')}) ${offer[valueKind(option)]}; return ;;`;
  });
  return `#compdef ${program.name()}
${functionOf(program)}() {
  local at='' word
  local -a items
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${at:+$at }$word" in
    ${paths.join('|')}) at="\${at:+$at }$word" ;;
    esac
  done
  case "\${words[CURRENT-1]}" in
${values.join('\n')}
  esac
  case "$at" in
${words.join('\n')}
  esac
  _describe ${quoted(program.name())} items
}
if [ "$funcstack[1]" = ${quoted(`_${program.name()}`)} ]; then
  ${functionOf(program)} "$@"
else
  compdef ${functionOf(program)} ${program.name()}
fi
`;
}

export function fishCompletion(program: Command): string {
  const root = commandTree(program);
  const lines = nodesOf(root).flatMap((node) => {
    const condition = quoted(fishCondition(node));
    const line = (rest: string) => `complete -c ${program.name()} -n ${condition} ${rest}`;
    return [
      ...node.children.map(({ path, command }) =>
        line(`-f -a ${quoted(path.at(-1)!)} -d ${fishQuoted(summaryOf(command))}`),
      ),
      ...choicesOfArguments(node).map((choice) => line(`-f -a ${quoted(choice)}`)),
      ...node.options.map((option) => line(fishOption(option))),
    ];
  });
  return `# fish completion for ${program.name()}\n${lines.join('\n')}\n`;
}

/** True right behind the words of this command, and none of those below it. */
function fishCondition({ path, children }: CommandNode): string {
  const behind = path.map((word) => `__fish_seen_subcommand_from ${word}`);
  const below = children.map((child) => child.path.at(-1)!);
  const notBelow = below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${below.join(' ')}`];
  return [...behind, ...notBelow].join('; and ') || 'true';
}

function fishOption(option: Option): string {
  const names = [`-l ${option.long!.slice(2)}`, ...(option.short ? [`-s ${option.short.slice(1)}`] : [])];
  const value = {
    file: '-r -F',
    folder: "-x -a '(__fish_complete_directories)'",
    other: option.argChoices ? `-x -a ${quoted(option.argChoices.join(' '))}` : '-x',
  };
  const parts = [...names, ...(takesValue(option) ? [value[valueKind(option)]] : ['-f'])];
  return `${parts.join(' ')} -d ${fishQuoted(option.description)}`;
}

const fishQuoted = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;

const choicesOfArguments = ({ command }: CommandNode): string[] =>
  command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);

/** Of all commands those that take a value, by flag. Where two differ, the first one counts. */
function uniqueOptions(nodes: readonly CommandNode[]): Option[] {
  const byFlag = new Map<string, Option>();
  for (const option of nodes.flatMap(({ options }) => options)) {
    if (takesValue(option) && !byFlag.has(option.long!)) byFlag.set(option.long!, option);
  }
  return [...byFlag.values()];
}

import { type Command, Help, type Option } from 'commander';

/** A command as completion and manual see it: what `--help` shows, and nothing that is hidden there. */
export interface CommandNode {
  /** From the program on: `overcall audio test` is ['audio', 'test']. */
  path: string[];
  command: Command;
  /** Its own options and those of the commands above it. */
  options: Option[];
  children: CommandNode[];
}

const help = new Help();

export function commandTree(command: Command, above: CommandNode | null = null): CommandNode {
  const node: CommandNode = {
    path: above === null ? [] : [...above.path, command.name()],
    command,
    options: [
      ...help.visibleOptions(command),
      ...(above?.options ?? []).filter(({ long }) => long !== '--help' && long !== '--version'),
    ],
    children: [],
  };
  const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
  node.children = children.map((child) => commandTree(child, node));
  return node;
}

/** The node and all below it, itself first. */
export function nodesOf(node: CommandNode): CommandNode[] {
  return [node, ...node.children.flatMap(nodesOf)];
}

/** What is shown of a command beside its name. */
export const summaryOf = (command: Command): string => command.summary() || command.description();

export const takesValue = (option: Option): boolean => option.required || option.optional;

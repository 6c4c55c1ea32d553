import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from './program.ts';

/** Rows of a screen on which help is read whole. */
const ROWS = 30;

function helpOf(command: Command): string {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  command.configureOutput({ writeOut: write, getOutHelpWidth: () => 80 }).outputHelp();
  return text;
}

function below(command: Command, path: string): { name: string; command: Command }[] {
  const name = `${path}${command.name()}`;
  return [{ name, command }, ...command.commands.flatMap((child) => below(child, `${name} `))];
}

const commandsOf = (showsAll: boolean) => below(createProgram(showsAll), '');

describe('--help', () => {
  it.each(commandsOf(false))('of $name fits a screen', ({ command }) => {
    expect(helpOf(command).trimEnd().split('\n').length).toBeLessThanOrEqual(ROWS);
  });

  it.each(commandsOf(false))('of $name shows an example', ({ command }) => {
    expect(helpOf(command)).toMatch(/Example:\n( {2}\S.*\n)+(?! )/);
  });

  it.each(commandsOf(false))('of $name breaks lines where the screen ends, nowhere else', ({ command }) => {
    expect(command.description()).not.toContain('\n');
  });

  it('names what --help-all explains', () => {
    const [short, long] = [false, true].map((showsAll) =>
      helpOf(createProgram(showsAll).commands.find((command) => command.name() === 'call')!),
    );
    expect(short).toMatch(/^--help-all: .*--no-port-mapping/m);
    expect(long).toMatch(/^ {2}--no-port-mapping +\w/m);
  });
});

import type { Command } from 'commander';
import { addCompletion } from './completion.ts';
import { addConfig } from './config-check.ts';
import { addMan } from './man-page.ts';
import type { ProgramPart } from './places.ts';

/** What every program can do, added when its own commands are there. */
export function addCommonCommands(program: Command, part: ProgramPart): void {
  addConfig(program, part);
  addCompletion(program);
  addMan(program);
}

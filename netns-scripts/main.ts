#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { check, execute, list, run } from './src/cli.ts';
import { addMatrix } from './src/commands/matrix.ts';
import { LabError } from './src/index.ts';
import { shell } from './src/shell.ts';

const program = new Command('npm run lab --')
  .description('Networks with NATs on this machine, made of Linux namespaces; no root needed.')
  .enablePositionalOptions()
  .showHelpAfterError('(--help shows how)')
  .exitOverride()
  .addHelpText(
    'after',
    `
SCENARIO is a name (see list), pair:KIND,KIND, or a JSON file. Nodes are its hosts, its NATs, and "internet" in the middle.
A program in the lab finds every address as LAB_ADDRESS_NAME in its environment, and all of them
in the JSON file LAB_FILE.

Examples:
  npm run lab -- check
  npm run lab -- exec natPair alice -- sh -c 'ping -c 3 $LAB_ADDRESS_SUPERNODE'
  npm run lab -- exec natPair nat-a -- nft list ruleset
  npm run lab -- run pair:eim-apdf,apdm-apdf
  npm run lab -- matrix --kinds eim-apdf,apdm-apdf
  npm run lab -- shell natPair`,
  );

const JSON_OPTION = ['--json', 'one JSON object per line on standard output'] as const;

interface Options {
  json?: true;
  results?: string;
  requireDirect?: true;
  keepCaptures?: true;
}

program
  .command('check')
  .description('whether this machine can run labs, and what it lacks; exit 1 if it cannot')
  .option(...JSON_OPTION)
  .action(async ({ json }: Options) => finish(await check(json ?? false)));
program
  .command('list')
  .description('the scenarios that come with the lab')
  .option(...JSON_OPTION)
  .action(({ json }: Options) => finish(list(json ?? false)));
program
  .command('run')
  .description(
    'build a network, prove its NATs, run its programs or its call, and its events; report; exit 1 if a program or the call fails, 3 if the lab does',
  )
  .argument('<scenario>')
  .option(...JSON_OPTION)
  .option('--results <folder>', 'where the folder with results goes', 'results')
  .option('--require-direct', 'a call that is relayed although a direct path is possible fails')
  .option('--keep-captures', 'keep what was captured at each host of a call, even if it passed')
  .action(async (scenario: string, { json, results, ...options }: Options) =>
    finish(await run(scenario, results ?? 'results', json ?? false, options)),
  );
program
  .command('exec')
  .description('build a network, run a program in one node, remove the network; exits as the program does')
  .argument('<scenario>')
  .argument('<node>')
  .argument('<command...>', 'after --')
  .option(...JSON_OPTION)
  .passThroughOptions()
  .action(async (scenario: string, node: string, argv: string[], { json }: Options) =>
    finish(await execute(scenario, node, argv, json ?? false)),
  );
program
  .command('shell')
  .description('build a network and ask for commands: on NODE COMMAND, do EVENT, prove')
  .argument('<scenario>')
  .action(async (scenario: string) => finish(await shell(scenario)));
addMatrix(program, finish);

function finish(code: number): void {
  process.exitCode = code;
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    finish(error.exitCode === 0 ? 0 : 2);
  } else if (error instanceof LabError) {
    process.stderr.write(`lab: ${error.message}\n`);
    finish(error.code === 'bad-scenario' || error.code === 'unknown-node' ? 2 : 1);
  } else {
    throw error;
  }
}

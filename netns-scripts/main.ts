#!/usr/bin/env node
import { collect, createOutput, decimalNumber } from '@overcall/cli';
import { Command, CommanderError } from 'commander';
import { capture } from './src/capture-command.ts';
import { check, execute, list, run } from './src/cli.ts';
import { addMatrix } from './src/commands/matrix.ts';
import { exitCodeOfLabError } from './src/exit-code.ts';
import { LabError } from './src/index.ts';
import { endWithStarter } from './src/lifeline.ts';
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
  npm run lab -- capture natPair --out captures alice -- ping -c 3 203.0.113.20
  npm run lab -- matrix --kinds eim-apdf,apdm-apdf
  npm run lab -- shell natPair

Exit codes: 0 done, 1 failed, 2 the scenario or the command line is wrong, 3 the lab failed (run, matrix, capture),
77 this machine cannot run labs (see check), which is 1 with LAB_REQUIRED=1 or CI. exec, and capture with a command,
end as their program does.`,
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
  .action(async (scenario: string, { json, results, requireDirect, ...options }: Options) =>
    finish(
      await run(scenario, results ?? 'results', json ?? false, {
        ...options,
        requireDirect: requireDirect && 'in-the-end',
      }),
    ),
  );
program
  .command('exec')
  .description(
    'build a network, run a program in one node (without NODE the first host), remove the network; exits as the program does',
  )
  .argument('<scenario>')
  .argument('<command...>', '[NODE] -- COMMAND')
  .usage('[options] <scenario> [node] -- <command...>')
  .option(...JSON_OPTION)
  .passThroughOptions()
  .action(async (scenario: string, words: string[], { json }: Options) => {
    const { node, argv } = nodeAndCommand(words);
    finish(await execute(scenario, node, argv, json ?? false));
  });

/** What stands before "--" is the node. */
function nodeAndCommand(words: readonly string[]): { node: string | null; argv: string[] } {
  const [first] = words;
  const argv = words.slice(first === '--' ? 0 : 1).filter((word, index) => index > 0 || word !== '--');
  if (argv.length === 0) program.error('error: what shall run? exec SCENARIO [NODE] -- COMMAND');
  return { node: first === '--' ? null : first!, argv };
}

program
  .command('shell')
  .description('build a network and ask for commands: on NODE COMMAND, do EVENT, prove, capture NODE FILE')
  .argument('<scenario>')
  .option(...JSON_OPTION)
  .action(async (scenario: string, { json }: Options) => finish(await shell(scenario, json ?? false)));
program
  .command('capture')
  .description(
    'write a pcap file for each host while the scenario is played, or COMMAND runs in NODE, or until Ctrl-C',
  )
  .argument('<scenario>')
  .argument('[node]')
  .argument('[command...]', 'after --')
  .option('--on <nodes>', 'capture there and not at the hosts; repeats, or names with commas', collect)
  .option('--seconds <number>', 'end after so long', decimalNumber(0.1, 86_400))
  .option('--out <folder>', 'where NODE.pcap goes (default: a new folder in results)')
  .option(...JSON_OPTION)
  .action(captureAction);

interface CaptureOptions {
  json?: true;
  on?: string[];
  seconds?: number;
  out?: string;
}

async function captureAction(
  scenario: string,
  node: string | undefined,
  argv: string[],
  { json, ...options }: CaptureOptions,
): Promise<void> {
  if (node !== undefined && argv.length === 0)
    program.error(`error: what shall run at "${node}"? NODE -- COMMAND`);
  const command = node === undefined ? {} : { command: { node, argv } };
  finish(await capture({ scenario, json: json ?? false, ...options, ...command }));
}
addMatrix(program, finish);

function finish(code: number): void {
  process.exitCode = code;
}

/** Options stand before the program that is run. */
const isJson = process.argv.slice(2, process.argv.indexOf('--', 2) >>> 0).includes('--json');

function sayInJson(code: string, message: string): void {
  if (isJson) createOutput(true).event({ event: 'error', code, message }, null);
}

endWithStarter();
// Whoever reads has had enough, as `head` does; 128 and SIGPIPE.
process.stdout.on('error', () => process.exit(141));
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has told people already.
    if (error.exitCode !== 0) sayInJson('usage', error.message.replace(/^error: /, ''));
    finish(error.exitCode === 0 ? 0 : 2);
  } else if (error instanceof LabError) {
    process.stderr.write(`lab: ${error.message}\n`);
    sayInJson(error.code, error.message);
    finish(exitCodeOfLabError(error.code));
  } else {
    throw error;
  }
}

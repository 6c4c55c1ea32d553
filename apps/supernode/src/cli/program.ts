import {
  addCommonCommands,
  addExample,
  type CommonSettings,
  createOutput,
  createProgram,
  ExitCode,
  needed,
  type Output,
  runProgram,
} from '@overcall/cli';
import { accessRules } from '@overcall/overlay';
import { type Command, Option } from 'commander';
import type { OperatorRules } from '../operator-rules.ts';
import type { SelfTestResult } from '../options.ts';
import { VERSION } from '../version.ts';
import { fetchStatus, requestDrain, sendRules } from './admin-client.ts';
import { addInit } from './init.ts';
import { addRuleOptions, givenRules, rulesText } from './rule-options.ts';
import { addRunOptions, type RunSettings, run } from './run.ts';
import { selfTest } from './self-test.ts';
import { statusText } from './status-text.ts';

interface AdminSettings extends CommonSettings, OperatorRules {
  admin?: string;
}

/** Runs `overcall-supernode` with these arguments; returns the exit code and never throws. */
export function runCli(args: readonly string[]): Promise<number> {
  return runProgram(buildProgram(), args);
}

function buildProgram(): Command {
  const program = createProgram({
    name: 'overcall-supernode',
    part: 'supernode',
    version: VERSION,
    description: 'Answers STUN, relays calls and carries signalling for an Overcall network.',
    example:
      'overcall-supernode run --directory https://directory.example \\\n' +
      '  --listen 0.0.0.0:443 --public-address 203.0.113.5',
    logLevel: 'warn',
  });
  const runCommand = addRunOptions(
    addExample(
      program
        .command('run')
        .summary('serve until stopped')
        .description('Joins the network of the directory, and serves until it is stopped.'),
      // With flags in the example of the program: this help fits a screen.
      'overcall-supernode run --config /etc/overcall/supernode.json',
    ),
  ).action(async (_options: unknown, command: Command) => {
    process.exitCode = await run(command.optsWithGlobals<RunSettings>());
  });
  addInit(program, runCommand);
  const addAdmin = (
    name: string,
    [summary, description]: readonly [string, string],
    work: (admin: string, output: Output, settings: AdminSettings) => Promise<void>,
  ) =>
    addExample(
      program.command(name).summary(summary).description(description),
      `overcall-supernode ${name} --admin 127.0.0.1:7481`,
    )
      .addOption(new Option('--admin <ip:port>', 'admin address of the running supernode'))
      .action((_options: unknown, command: Command) => {
        const settings = command.optsWithGlobals<AdminSettings>();
        return work(needed(settings.admin, '--admin'), createOutput(settings.json), settings);
      });
  addAdmin(
    'status',
    ['what a running supernode does', 'Shows what a running supernode does.'],
    async (admin, output) => {
      const status = await fetchStatus(admin);
      output.result(status, statusText(status));
    },
  );
  addAdmin(
    'drain',
    [
      'take no new calls, send softphones elsewhere, stop when the last call is over',
      'Has a running supernode take no new calls, send softphones elsewhere, and stop when the last call is over.',
    ],
    async (admin, output) => {
      await requestDrain(admin);
      output.event({ event: 'draining' }, 'draining; the supernode stops when its last call is over');
    },
  );
  const reload = addAdmin(
    'reload',
    [
      'put other limits and rules of access in force, while it runs',
      'Puts other limits and rules of access in force while the supernode runs. No call ends by that.',
    ],
    async (admin, output, settings) => {
      const rules = givenRules(settings);
      // Before it is sent: the line then names the flag.
      accessRules(rules.allow, rules.deny);
      const detached = await sendRules(admin, rules);
      output.event(
        { event: 'reloaded', ...rules, detached },
        `in force: ${rulesText(rules)}; ${detached} softphones detached`,
      );
    },
  );
  addRuleOptions(reload);
  addAdmin(
    'self-test',
    [
      'try STUN and control at the public addresses; what the host can carry',
      'Tries STUN and control of a running supernode at its public addresses, and shows what the host can carry.',
    ],
    async (admin, output) => {
      const results = await selfTest(await fetchStatus(admin));
      for (const result of results) output.result(result, selfTestText(result));
      if (!results.every(({ ok }) => ok)) process.exitCode = ExitCode.Error;
    },
  );
  addCommonCommands(program, 'supernode');
  return program;
}

function selfTestText({ ok, check, target, detail }: SelfTestResult): string {
  return `${ok ? 'ok    ' : 'failed'} ${check} ${target}: ${detail}`;
}

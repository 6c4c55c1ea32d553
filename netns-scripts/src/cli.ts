import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createOutput } from '@overcall/cli';
import type { CallOptions } from './calls/run-call.ts';
import { type CheckedAbility, checkAbilities } from './check.ts';
import { addressesOf, privateLabFile, spawnInLab } from './environment.ts';
import { exitCodeOfOutcome, exitCodeOfProgram } from './exit-code.ts';
import { startLab } from './lab.ts';
import { givenPath } from './paths.ts';
import { relayOutput } from './relay-output.ts';
import { makeResultsFolder, writeResults } from './results.ts';
import { runScenario } from './run.ts';
import { loadScenario, PAIR_ABOUT, PAIR_PATTERN, shippedScenarios } from './scenarios.ts';

/** Each command returns the exit code. */
type ExitCode = number;

const print = (line: string): boolean => process.stdout.write(`${line}\n`);
const event = (name: string, fields: object): void =>
  createOutput(true).event({ event: name, ...fields }, null);

export async function check(json: boolean): Promise<ExitCode> {
  const items = await checkAbilities();
  const missing = items.find(({ isNeeded, state }) => isNeeded && state === 'missing');
  const { reason, remedy } = missing ?? {};
  if (json) print(JSON.stringify({ possible: !missing, ...(missing && { reason, remedy }), items }));
  else {
    for (const item of items) print(checkLine(item));
    print(
      missing ? `This machine cannot run labs: ${reason}\nRemedy: ${remedy}` : 'This machine can run labs.',
    );
  }
  return missing ? 1 : 0;
}

function checkLine({ name, gives, isNeeded, state, reason, remedy }: CheckedAbility): string {
  const sign = { there: '✓', missing: '✗', untried: '?' }[state];
  const optional = isNeeded ? '' : ' (optional)';
  const why = state === 'missing' ? `\n  ${reason}\n  Remedy: ${remedy}` : '';
  return `${sign} ${name.padEnd(15)} ${gives}${optional}${why}`;
}

/** Of the longest name that comes with the lab. */
const NAME_WIDTH = 23;

export function list(json: boolean): ExitCode {
  for (const { $schema: _, name, about = '', ...spec } of shippedScenarios())
    print(json ? JSON.stringify({ name, about, spec }) : `${name.padEnd(NAME_WIDTH)} ${about}`);
  if (!json) print(`${PAIR_PATTERN.padEnd(NAME_WIDTH)} ${PAIR_ABOUT}`);
  return 0;
}

/** Builds, proves, runs and reports a scenario; 1 if a program fails, 3 if the lab does. */
export async function run(
  scenario: string,
  parent: string,
  json: boolean,
  options: CallOptions = {},
): Promise<ExitCode> {
  const spec = loadScenario(scenario);
  const folder = makeResultsFolder(givenPath(parent), spec.name);
  const result = await runScenario(spec, folder, json ? event : say, options);
  writeResults(folder, result);
  if (json) event('result', { ...result, folder });
  else {
    const notes = result.call?.notes ?? [];
    print([OUTCOMES[result.outcome], ...result.reasons, ...notes, `Results: ${folder}`].join('\n'));
  }
  return exitCodeOfOutcome(result.outcome);
}

const OUTCOMES = {
  passed: 'passed',
  failed: 'FAILED',
  skipped: 'SKIPPED: this machine cannot run labs',
  lab: 'THE LAB FAILED (this says nothing about the programs)',
} as const;

/** What happens in a run, for people. */
function say(name: string, fields: object): void {
  const words = Object.entries(fields)
    .filter(([key]) => key !== 'nats')
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.join(' ') : value}`);
  print(`${name}: ${words.join(', ')}`);
}

/** @param node null for the first host of the scenario */
export async function execute(
  scenario: string,
  node: string | null,
  argv: readonly string[],
  json: boolean,
): Promise<ExitCode> {
  const startedAt = performance.now();
  const lab = await startLab(loadScenario(scenario));
  try {
    const { labFile } = privateLabFile(lab);
    if (json) event('up', { upMs: Math.round(performance.now() - startedAt), addresses: addressesOf(lab) });
    const child = spawnInLab(lab, node ?? lab.spec.hosts[0]!.name, argv, {
      stdio: json ? ['inherit', 'pipe', 'pipe'] : 'inherit',
      labFile,
    });
    const stopForwarding = forwardSignals(child);
    const tell = (stream: string, line: string) => event('output', { stream, line });
    const [code, signal] = json
      ? await relayOutput(child, tell)
      : ((await once(child, 'exit')) as [number | null, NodeJS.Signals | null]);
    stopForwarding();
    if (json) event('exit', { code, signal });
    return exitCodeOfProgram(code, signal);
  } finally {
    await lab.close();
  }
}

/** At a terminal, Ctrl-C reaches the program by itself; a second one from here would count as impatience. */
function forwardSignals(child: ChildProcess): () => void {
  const forward = (signal: NodeJS.Signals) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, forward);
  return () => {
    for (const signal of signals) process.off(signal, forward);
  };
}

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { CallOptions } from './calls/run-call.ts';
import { checkLab } from './check.ts';
import { addressesOf, spawnInLab, temporaryLabFile } from './environment.ts';
import { startLab } from './lab.ts';
import { makeResultsFolder, writeResults } from './results.ts';
import { runScenario } from './run.ts';
import { loadScenario, PAIR_ABOUT, PAIR_PATTERN, shippedScenarios } from './scenarios.ts';

/** Each command returns the exit code. */
type ExitCode = number;

const print = (line: string): boolean => process.stdout.write(`${line}\n`);
const event = (name: string, fields: object): boolean => print(JSON.stringify({ event: name, ...fields }));

export async function check(json: boolean): Promise<ExitCode> {
  const result = await checkLab();
  if (json) print(JSON.stringify(result));
  else if (result.possible) print('This machine can run labs.');
  else print(`This machine cannot run labs: ${result.reason}\nRemedy: ${result.remedy}`);
  return result.possible ? 0 : 1;
}

export function list(json: boolean): ExitCode {
  for (const { $schema: _, name, about = '', ...spec } of shippedScenarios())
    print(json ? JSON.stringify({ name, about, spec }) : `${name.padEnd(22)} ${about}`);
  if (!json) print(`${PAIR_PATTERN.padEnd(22)} ${PAIR_ABOUT}`);
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
  const folder = makeResultsFolder(resolve(parent), spec.name);
  const result = await runScenario(spec, folder, json ? event : say, options);
  writeResults(folder, result);
  if (json) event('result', { ...result, folder });
  else {
    const notes = result.call?.notes ?? [];
    print([OUTCOMES[result.outcome], ...result.reasons, ...notes, `Results: ${folder}`].join('\n'));
  }
  return { passed: 0, failed: 1, lab: 3 }[result.outcome];
}

const OUTCOMES = {
  passed: 'passed',
  failed: 'FAILED',
  lab: 'THE LAB FAILED (this says nothing about the programs)',
} as const;

/** What happens in a run, for people. */
function say(name: string, fields: object): void {
  const words = Object.entries(fields)
    .filter(([key]) => key !== 'nats')
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.join(' ') : value}`);
  print(`${name}: ${words.join(', ')}`);
}

export async function execute(
  scenario: string,
  node: string,
  argv: readonly string[],
  json: boolean,
): Promise<ExitCode> {
  const startedAt = performance.now();
  const lab = await startLab(loadScenario(scenario));
  const { labFile, remove } = temporaryLabFile(lab);
  try {
    if (json) event('up', { upMs: Math.round(performance.now() - startedAt), addresses: addressesOf(lab) });
    const child = spawnInLab(lab, node, argv, {
      stdio: json ? ['inherit', 'pipe', 'pipe'] : 'inherit',
      labFile,
    });
    const stopForwarding = forwardSignals(child);
    const output = json ? [relayLines(child, 'stdout'), relayLines(child, 'stderr')] : [];
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    stopForwarding();
    await Promise.all(output);
    if (json) event('exit', { code, signal });
    return code ?? 128 + constants.signals[signal!];
  } finally {
    remove();
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

async function relayLines(child: ChildProcess, stream: 'stdout' | 'stderr'): Promise<void> {
  for await (const line of createInterface({ input: child[stream]! })) event('output', { stream, line });
}

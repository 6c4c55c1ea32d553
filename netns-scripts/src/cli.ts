import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { checkLab } from './check.ts';
import { LabError } from './errors.ts';
import { type Lab, startLab } from './lab.ts';
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

export async function execute(
  scenario: string,
  node: string,
  argv: readonly string[],
  json: boolean,
): Promise<ExitCode> {
  const startedAt = performance.now();
  const lab = await startLab(loadScenario(scenario));
  try {
    if (json) event('up', { upMs: Math.round(performance.now() - startedAt), addresses: addresses(lab) });
    const child = spawnIn(lab, node, argv, json ? ['inherit', 'pipe', 'pipe'] : 'inherit');
    const stopForwarding = forwardSignals(child);
    const output = json ? [relayLines(child, 'stdout'), relayLines(child, 'stderr')] : [];
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    stopForwarding();
    await Promise.all(output);
    if (json) event('exit', { code, signal });
    return code ?? 128 + constants.signals[signal!];
  } finally {
    await lab.close();
  }
}

/** Reads commands of the form `on NODE COMMAND` until `exit` or the end of input. */
export async function shell(scenario: string): Promise<ExitCode> {
  const lab = await startLab(loadScenario(scenario));
  const ignore = () => {};
  process.on('SIGINT', ignore); // Ctrl-C ends the program at the prompt's other side, not the lab
  try {
    for (const [name, address] of Object.entries(addresses(lab))) print(`${name.padEnd(16)} ${address}`);
    print('on NODE COMMAND runs a command there; exit ends the lab.');
    await prompt(lab);
  } finally {
    process.off('SIGINT', ignore);
    await lab.close();
  }
  return 0;
}

async function prompt(lab: Lab): Promise<void> {
  const terminal = process.stdin.isTTY === true;
  const input = createInterface({ input: process.stdin, output: process.stdout, terminal, prompt: 'lab> ' });
  input.on('SIGINT', () => input.prompt()); // as in any shell: a fresh line
  input.prompt();
  for await (const line of input) {
    const [, node, command] = /^\s*on\s+(\S+)\s+(.+)$/.exec(line) ?? [];
    if (line.trim() === 'exit') break;
    if (node !== undefined && command !== undefined) {
      // The program gets the terminal as it would be without a prompt.
      input.pause();
      if (terminal) process.stdin.setRawMode(false);
      await runLine(lab, node, command);
      if (terminal) process.stdin.setRawMode(true);
      input.resume();
    } else if (line.trim() !== '') {
      print('on NODE COMMAND, or exit');
    }
    input.prompt();
  }
  input.close();
}

async function runLine(lab: Lab, node: string, command: string): Promise<void> {
  try {
    // Without a terminal, standard input holds the next commands of the lab.
    const stdin = process.stdin.isTTY ? 'inherit' : 'ignore';
    await once(spawnIn(lab, node, ['/bin/sh', '-c', command], [stdin, 'inherit', 'inherit']), 'exit');
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    print(error.message);
  }
}

function addresses(lab: Lab): Record<string, string> {
  const nodes = [...lab.spec.hosts, ...(lab.spec.nats ?? [])];
  return Object.fromEntries(nodes.map(({ name, address }) => [name, address]));
}

function spawnIn(
  lab: Lab,
  node: string,
  argv: readonly string[],
  stdio: SpawnOptions['stdio'],
): ChildProcess {
  const [program, ...args] = lab.command(node, argv);
  const env: NodeJS.ProcessEnv = { ...process.env, LAB_NODE: node };
  for (const [name, address] of Object.entries(addresses(lab)))
    env[`LAB_ADDRESS_${name.toUpperCase().replaceAll('-', '_')}`] = address;
  // So that an ordinary user, who is root in the lab, finds ip, nft and conntrack.
  env.PATH = `${env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
  return spawn(program!, args, { stdio: stdio ?? 'inherit', env });
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

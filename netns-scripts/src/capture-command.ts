import { once } from 'node:events';
import { join } from 'node:path';
import { createOutput, type Output, stopSignal } from '@overcall/cli';
import type { Capture } from './capture.ts';
import { privateLabFile, spawnInLab } from './environment.ts';
import { LabError } from './errors.ts';
import { exitCodeOfOutcome, exitCodeOfProgram } from './exit-code.ts';
import { type Lab, startLab } from './lab.ts';
import { givenPath, makeFolder } from './paths.ts';
import { relayOutput } from './relay-output.ts';
import { makeResultsFolder, writeResults } from './results.ts';
import { runScenario } from './run.ts';
import { loadScenario } from './scenarios.ts';
import type { LabSpec } from './spec.ts';

export interface CaptureRequest {
  scenario: string;
  /** What to run instead of the scenario's own programs and events. */
  command?: { node: string; argv: readonly string[] };
  /** Nodes to capture at; the hosts by default. */
  on?: readonly string[];
  /** Ends after so many seconds, if not before. */
  seconds?: number;
  /** Where the files go; a new folder below `results` by default. */
  out?: string;
  json: boolean;
}

/**
 * Writes a pcap file for each node while the scenario is played or a command runs; without either, until it is told to
 * end. Returns the exit code: the command's, or that of `run`.
 */
export async function capture(request: CaptureRequest): Promise<number> {
  const output = createOutput(request.json);
  const spec = loadScenario(request.scenario);
  const nodes = request.on ?? spec.hosts.map(({ name }) => name);
  checkNodes(spec, [...nodes, ...(request.command ? [request.command.node] : [])]);
  const folder = request.out ? givenPath(request.out) : makeResultsFolder(givenPath('results'), spec.name);
  makeFolder(folder);
  const captures = new Captures(nodes, folder, output);
  const end = endOf(request.seconds);
  try {
    if (request.command) return await duringCommand(spec, request.command, captures, end.signal, output);
    if (spec.programs || spec.call || spec.events)
      return await duringScenario(spec, folder, captures, end.signal, output);
    return await untilEnd(spec, captures, end.signal);
  } finally {
    end.dispose();
  }
}

/** Before anything is built. */
function checkNodes(spec: LabSpec, nodes: readonly string[]): void {
  const known = ['internet', ...spec.hosts, ...(spec.nats ?? [])].map((node) =>
    typeof node === 'string' ? node : node.name,
  );
  for (const node of nodes)
    if (!known.includes(node))
      throw new LabError('unknown-node', `there is no "${node}" in this lab; it has ${known.join(', ')}`);
}

/** Aborts at Ctrl-C, SIGTERM, or after so many seconds. */
function endOf(seconds?: number): { signal: AbortSignal; dispose(): void } {
  const end = new AbortController();
  const stop = stopSignal();
  void stop.promise.then(() => end.abort());
  const timer = seconds === undefined ? undefined : setTimeout(() => end.abort(), seconds * 1000);
  return {
    signal: end.signal,
    dispose() {
      stop.dispose();
      clearTimeout(timer);
    },
  };
}

const aborted = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort');
};

class Captures {
  readonly #nodes: readonly string[];
  readonly #folder: string;
  readonly #output: Output;

  constructor(nodes: readonly string[], folder: string, output: Output) {
    this.#nodes = nodes;
    this.#folder = folder;
    this.#output = output;
  }

  /** Resolves when nothing will be missed any more; what it resolves with ends them and tells what they have. */
  async start(lab: Lab): Promise<() => Promise<void>> {
    const started = await Promise.all(
      this.#nodes.map(async (node): Promise<[string, Capture]> => {
        return [node, await lab.capture(node, join(this.#folder, `${node}.pcap`))];
      }),
    );
    const fields = { nodes: this.#nodes, folder: this.#folder };
    this.#output.event({ event: 'capturing', ...fields }, `capturing at ${this.#nodes.join(', ')}`);
    return async () => {
      for (const [node, one] of started) {
        const packets = await one.stop();
        const text = `${node.padEnd(16)} ${String(packets ?? '?').padStart(8)} packets  ${one.file}`;
        this.#output.event({ event: 'captured', node, packets, file: one.file }, text);
      }
    };
  }
}

async function duringCommand(
  spec: LabSpec,
  { node, argv }: { node: string; argv: readonly string[] },
  captures: Captures,
  end: AbortSignal,
  output: Output,
): Promise<number> {
  const lab = await startLab(spec);
  try {
    const { labFile } = privateLabFile(lab);
    const stop = await captures.start(lab);
    const child = spawnInLab(lab, node, argv, {
      stdio: output.json ? ['inherit', 'pipe', 'pipe'] : 'inherit',
      labFile,
    });
    void aborted(end).then(() => child.kill('SIGTERM'));
    const tell = (stream: string, line: string) =>
      output.event({ event: 'output', node, stream, line }, null);
    const [code, signal] = output.json ? await relayOutput(child, tell) : await once(child, 'exit');
    output.event({ event: 'exit', node, code, signal }, null);
    await stop();
    return exitCodeOfProgram(code, signal);
  } finally {
    await lab.close();
  }
}

async function duringScenario(
  spec: LabSpec & { name: string },
  folder: string,
  captures: Captures,
  end: AbortSignal,
  output: Output,
): Promise<number> {
  const progress = (event: string, fields: object) => output.event({ event, ...fields }, null);
  const result = await runScenario(spec, folder, progress, {
    end,
    captures: false,
    whilePrograms: (lab) => captures.start(lab),
  });
  writeResults(folder, result);
  output.event(
    { event: 'result', ...result, folder },
    [result.outcome, ...result.reasons, `Results: ${folder}`].join('\n'),
  );
  return exitCodeOfOutcome(result.outcome);
}

async function untilEnd(spec: LabSpec, captures: Captures, end: AbortSignal): Promise<number> {
  const lab = await startLab(spec);
  try {
    const stop = await captures.start(lab);
    await Promise.race([aborted(end), lab.gone]);
    await stop();
    return 0;
  } finally {
    await lab.close();
  }
}

import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Progress } from './calls/played-call.ts';
import { type CallOptions, type CallResult, runCall } from './calls/run-call.ts';
import { spawnInLab, writeLabFile } from './environment.ts';
import { type Lab, startLab } from './lab.ts';
import { labOutcome, type Outcome } from './outcome.ts';
import type { Proof } from './probe/prove.ts';
import { type CallSpec, INTERNET, type LabSpec, type ProgramSpec, type TimedEvent } from './spec.ts';

interface ProgramResult extends ProgramSpec {
  /** File beside results.json: what it wrote, standard output and error. */
  log: string;
  code: number | null;
  signal: string | null;
  /** Null if nothing was expected of it. */
  asExpected: boolean | null;
}

interface EventResult {
  event: TimedEvent;
  /** Seconds after the programs were started or the call was answered; null if the run was over before. */
  happenedAtS: number | null;
}

export interface RunResult {
  scenario: string;
  about: string;
  startedAt: string;
  outcome: Outcome;
  /** Why it did not pass, one line each. */
  reasons: string[];
  upMs: number;
  /** How long proving the NATs took. */
  proofMs: number;
  durationMs: number;
  nats: Proof[];
  programs: ProgramResult[];
  /** Null if the scenario has none. */
  call: CallResult | null;
  events: EventResult[];
}

/** How long a program without `expectExit` may take to end after SIGTERM. */
const GOODBYE_MS = 1000;

export interface RunOptions extends CallOptions {
  /** Called before the programs start; what it resolves with is called when they have ended. */
  whilePrograms?: (lab: Lab) => Promise<() => Promise<void>>;
}

/** Builds the network, proves its NATs, starts programs or call, lets the events happen, and removes the network. */
export async function runScenario(
  spec: LabSpec & { name: string },
  folder: string,
  progress: Progress,
  { whilePrograms, end, ...options }: RunOptions = {},
): Promise<RunResult> {
  const result: RunResult = {
    scenario: spec.name,
    about: spec.about ?? '',
    startedAt: new Date().toISOString(),
    outcome: 'passed',
    reasons: [],
    upMs: 0,
    proofMs: 0,
    durationMs: 0,
    nats: [],
    programs: [],
    call: null,
    events: [],
  };
  const begin = performance.now();
  let lab: Lab | undefined;
  try {
    lab = await startLab(spec);
    result.upMs = since(begin);
    progress('up', { upMs: result.upMs });
    const proving = performance.now();
    result.nats = await lab.prove();
    result.proofMs = since(proving);
    progress('proved', { proofMs: result.proofMs, nats: result.nats });
    const ended = await whilePrograms?.(lab);
    await (spec.call
      ? call(lab, { ...spec, call: spec.call }, folder, result, progress, { ...options, end })
      : perform(lab, spec, folder, result, progress, end));
    await ended?.();
  } catch (error) {
    Object.assign(result, labOutcome(error));
  } finally {
    await lab?.close();
  }
  result.durationMs = since(begin);
  return result;
}

const since = (begin: number): number => Math.round(performance.now() - begin);

async function perform(
  lab: Lab,
  spec: LabSpec,
  folder: string,
  result: RunResult,
  progress: Progress,
  end?: AbortSignal | undefined,
): Promise<void> {
  const labFile = join(folder, 'lab.json');
  writeLabFile(lab, labFile);
  const over = new AbortController();
  const programs = (spec.programs ?? []).map((program, index) =>
    start(lab, program, index, folder, progress),
  );
  const startedAt = performance.now();
  result.events = plannedEvents(spec);
  const events = playEvents(lab, result.events, startedAt, over.signal, labFile, progress);
  const awaited = programs.filter(({ program }) => program.expectExit !== undefined);
  const timeout = delay((spec.timeoutS ?? 60) * 1000, 'timeout', { signal: over.signal }).catch(() => 'over');
  try {
    const done = awaited.length > 0 ? Promise.all(awaited.map(({ ended }) => ended)) : events;
    // An event that fails is the end, too.
    const failed = events.then(() => new Promise<never>(() => {}));
    const ending = new Promise((resolve) => {
      if (end?.aborted) resolve('ended');
      else end?.addEventListener('abort', resolve, { once: true });
    });
    if ((await Promise.race([done, timeout, failed, ending])) === 'timeout')
      result.reasons.push(`after ${spec.timeoutS ?? 60} s it was not over`);
  } finally {
    over.abort();
    await Promise.all(programs.map(({ stop }) => stop()));
  }
  await events;
  result.programs = await Promise.all(programs.map(({ ended }) => ended));
  // Whoever ended the run early has not let it end as expected.
  for (const { on, run, expectExit, code, signal, asExpected, log } of result.programs)
    if (asExpected === false && !(end?.aborted && signal !== null))
      result.reasons.push(
        `"${run.join(' ')}" on ${on} ended with ${signal ?? code}, not ${expectExit} (${log})`,
      );
  if (result.reasons.length > 0) result.outcome = 'failed';
}

async function call(
  lab: Lab,
  spec: LabSpec & { call: CallSpec },
  folder: string,
  result: RunResult,
  progress: Progress,
  options: CallOptions,
): Promise<void> {
  const labFile = join(folder, 'lab.json');
  writeLabFile(lab, labFile);
  result.events = plannedEvents(spec);
  result.call = await runCall(lab, spec, folder, progress, options, {
    play: (over) => playEvents(lab, result.events, performance.now(), over, labFile, progress),
    get firstMs() {
      const happenedAtS = result.events[0]?.happenedAtS ?? null;
      return happenedAtS === null ? null : Math.round(1000 * happenedAtS);
    },
  });
  if (result.call.faults.length === 0) return;
  result.outcome = 'failed';
  result.reasons = result.call.faults;
  // Softphones that died with their lab tell nothing about softphones.
  lab.command(INTERNET, ['true']);
}

interface Running {
  program: ProgramSpec;
  ended: Promise<ProgramResult>;
  stop(): Promise<void>;
}

function start(lab: Lab, program: ProgramSpec, index: number, folder: string, progress: Progress): Running {
  const { on, run, expectExit } = program;
  const log = `${index}-${on}.log`;
  const output = openSync(join(folder, log), 'w');
  const child = spawnInLab(lab, on, run, {
    stdio: ['ignore', output, output],
    labFile: join(folder, 'lab.json'),
  });
  closeSync(output);
  progress('started', { on, run, pid: child.pid });
  const ended = new Promise<ProgramResult>((resolve) => {
    child.once('exit', (code, signal) => {
      progress('exit', { on, run, code, signal });
      const asExpected = expectExit === undefined ? null : code === expectExit;
      resolve({ ...program, log, code, signal, asExpected });
    });
  });
  return {
    program,
    ended,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const patience = new AbortController();
      const late = delay(GOODBYE_MS, undefined, { signal: patience.signal }).catch(() => {});
      await Promise.race([ended, late]);
      patience.abort();
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** In the order in which they are to happen. */
const plannedEvents = ({ events = [] }: LabSpec): EventResult[] =>
  events.toSorted((a, b) => a.at - b.at).map((event) => ({ event, happenedAtS: null }));

/** Lets them happen, and writes down when each did. */
async function playEvents(
  lab: Lab,
  events: readonly EventResult[],
  startedAt: number,
  over: AbortSignal,
  labFile: string,
  progress: Progress,
): Promise<void> {
  for (const result of events) {
    const { at, ...what } = result.event;
    const waitMs = startedAt + at * 1000 - performance.now();
    await delay(Math.max(0, waitMs), undefined, { signal: over }).catch(() => {});
    if (over.aborted) return;
    await lab.apply(what);
    writeLabFile(lab, labFile);
    result.happenedAtS = Math.round(performance.now() - startedAt) / 1000;
    progress('happened', { happenedAtS: result.happenedAtS, ...what });
  }
}

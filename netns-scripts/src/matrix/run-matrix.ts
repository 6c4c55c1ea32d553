import { availableParallelism, cpus, release } from 'node:os';
import { join } from 'node:path';
import { Network, type Program, type ProgramEvent } from '@overcall/harness';
import { Captures, writeLogs } from '../calls/evidence.ts';
import { faultsOf, wasHeldUp } from '../calls/judge.ts';
import { placeCall, startListener } from '../calls/place-call.ts';
import type { Progress } from '../calls/played-call.ts';
import { LabError } from '../errors.ts';
import { type Lab, startLab } from '../lab.ts';
import { labStage } from '../lab-stage.ts';
import type { Link } from '../links/link-spec.ts';
import { canPunch } from '../nat-pairs.ts';
import { labOutcome, type Outcome } from '../outcome.ts';
import { INTERNET } from '../spec.ts';
import { Door } from './door.ts';
import type { NamedKind } from './kinds.ts';
import { calleeOf, callerNatAddress, callerNatOf, callerOf, matrixLab, SUPERNODES } from './matrix-lab.ts';
import { inLatinOrder, type Place } from './schedule.ts';
import { type Cell, summaryOf, type Try } from './summary.ts';

export interface MatrixOptions {
  kinds: readonly NamedKind[];
  /** How long each call lasts. */
  seconds: number;
  /** Calls at once, at most. */
  jobs: number;
  /** Calls of each cell. */
  tries: number;
  /** Access link of every NAT; null for none. */
  link: Link | null;
}

export interface MatrixResult {
  startedAt: string;
  machine: string;
  kinds: string[];
  seconds: number;
  jobs: number;
  tries: number;
  link: Link | null;
  /** `lab`: the network was not what it should be, so nothing is known about the softphones. */
  outcome: Outcome;
  reasons: string[];
  upMs: number;
  proofMs: number;
  durationMs: number;
  /** Row after row. */
  cells: Cell[];
}

/** Programs that are started at once before the calls. */
const STARTS_AT_ONCE = 2 * availableParallelism();

/**
 * Calls that are being set up at once. The start of a program takes most of a second of a core, and whoever is setting up a
 * call at that time would seem slow; those who talk already need little.
 */
const SET_UPS_AT_ONCE = Math.max(1, Math.floor(availableParallelism() / 2));

/** A call that failed while the machine kept its programs waiting is placed again so often. */
const MAX_REPEATS = 2;

/** Has a softphone behind each kind of NAT call one behind each kind; keeps what failed in `folder`. */
export async function runMatrix(
  options: MatrixOptions,
  folder: string,
  progress: Progress,
): Promise<MatrixResult> {
  const { kinds, link } = options;
  const result: MatrixResult = {
    startedAt: new Date().toISOString(),
    machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`,
    ...options,
    kinds: kinds.map(({ name }) => name),
    outcome: 'passed',
    reasons: [],
    upMs: 0,
    proofMs: 0,
    durationMs: 0,
    cells: kinds.flatMap((row) => kinds.map((column) => emptyCell(row, column))),
  };
  const begin = performance.now();
  let lab: Lab | undefined;
  try {
    lab = await startLab(matrixLab(kinds, link));
    result.upMs = since(begin);
    progress('up', { upMs: result.upMs });
    const proving = performance.now();
    await lab.prove();
    result.proofMs = since(proving);
    progress('proved', { proofMs: result.proofMs, count: 2 * kinds.length });
    await callAll(lab, options, result, folder, progress);
  } catch (error) {
    Object.assign(result, labOutcome(error));
  } finally {
    await lab?.close();
  }
  result.durationMs = since(begin);
  return result;
}

const since = (begin: number): number => Math.round(performance.now() - begin);

const emptyCell = (caller: NamedKind, callee: NamedKind): Cell => ({
  caller: caller.name,
  callee: callee.name,
  possible: canPunch(caller.nat, callee.nat) ? 'direct' : 'relay',
  tries: [],
});

async function callAll(
  lab: Lab,
  options: MatrixOptions,
  result: MatrixResult,
  folder: string,
  progress: Progress,
): Promise<void> {
  const stage = { ...labStage(lab), close: async () => {} };
  const relays = await Captures.start(lab, SUPERNODES, folder);
  let network: Network | undefined;
  try {
    network = await Network.start(stage, join(lab.runFolder, 'matrix'), { supernodes: SUPERNODES });
    const listeners = await startSoftphones(network, options.kinds.length);
    progress('serving', { supernodes: SUPERNODES, softphones: listeners.length });
    const door = new Door(SET_UPS_AT_ONCE);
    await callInRounds({ lab, network, listeners, door, options, result, folder, progress });
  } catch (error) {
    if (error instanceof LabError) throw error;
    lab.command(INTERNET, ['true']); // throws if the programs ended because their lab did
    result.reasons.push((error as Error).message);
  } finally {
    await network?.stopPrograms();
    if (result.reasons.length > 0) {
      result.outcome = 'failed';
      writeLogs(network?.programs.filter(({ name }) => !name.startsWith('caller')) ?? [], folder);
    }
    await relays.stop({ keep: result.outcome !== 'passed' });
  }
}

/** Registers everybody and has the callees listen. */
async function startSoftphones(network: Network, count: number): Promise<Program[]> {
  const indices = Array.from({ length: count }, (_, index) => index);
  const users = indices.flatMap((index) => [callerOf(index), calleeOf(index)]);
  await someAtOnce(users, (user) => network.register(user, user));
  return someAtOnce(indices, (index) => startListener(network, calleeOf(index)));
}

async function someAtOnce<In, Out>(inputs: readonly In[], work: (input: In) => Promise<Out>): Promise<Out[]> {
  const outputs: Out[] = [];
  for (let at = 0; at < inputs.length; at += STARTS_AT_ONCE)
    outputs.push(...(await Promise.all(inputs.slice(at, at + STARTS_AT_ONCE).map(work))));
  return outputs;
}

interface Scene {
  lab: Lab;
  network: Network;
  listeners: readonly Program[];
  door: Door;
  options: MatrixOptions;
  result: MatrixResult;
  folder: string;
  progress: Progress;
}

async function callInRounds(scene: Scene): Promise<void> {
  const { lab, options, result, progress } = scene;
  const size = options.kinds.length;
  const of = size * size * options.tries;
  const begin = performance.now();
  let done = 0;
  for (let attempt = 0; attempt < options.tries; attempt++) {
    for (let row = 0; attempt > 0 && row < size; row++)
      await lab.apply({
        do: 'renumber',
        nat: callerNatOf(row),
        address: callerNatAddress(row, attempt, size),
      });
    await inLatinOrder(size, options.jobs, async (place) => {
      const cell = result.cells[place.row * size + place.column]!;
      const one = await callOnce(scene, place, attempt);
      cell.tries.push(one);
      result.reasons.push(...one.faults.map((fault) => `${cell.caller} calls ${cell.callee}: ${fault}`));
      const leftS = Math.round(((performance.now() - begin) / ++done / 1000) * (of - done));
      const { caller, callee, possible } = cell;
      const figures = summaryOf({ ...cell, tries: [one] });
      progress('cell', {
        caller,
        callee,
        possible,
        try: attempt + 1,
        ...figures,
        done,
        of,
        leftS,
        faults: one.faults,
        repeats: one.repeats,
      });
    });
  }
}

/** Again, when it failed and the machine was too busy for it to say anything. */
async function callOnce(scene: Scene, place: Place, attempt: number): Promise<Try> {
  for (let repeats = 0; ; repeats++) {
    const one = await placeOne(scene, place, attempt);
    const { report, faults } = one;
    const isSure = faults.length === 0 || report === null || !wasHeldUp(report, scene.options.seconds);
    if (isSure || repeats === MAX_REPEATS) return { ...one, repeats };
  }
}

async function placeOne(
  scene: Scene,
  { row, column }: Place,
  attempt: number,
): Promise<Omit<Try, 'repeats'>> {
  const { lab, network, listeners, door, options, folder } = scene;
  const [from, to, listener] = [callerOf(row), calleeOf(column), listeners[column]!];
  const [{ name: caller }, { name: callee }] = [options.kinds[row]!, options.kinds[column]!];
  const prefix = `${caller}-calls-${callee}-${attempt + 1}-`.replaceAll(/[:=]/g, '-');
  const captures = await Captures.start(lab, [from, to], folder, prefix);
  const leave = await door.enter();
  const onEvent = ({ event }: ProgramEvent) => {
    if (event === 'first-audio') leave();
  };
  const placed = await placeCall(network, from, to, { listener, seconds: options.seconds, onEvent }).finally(
    leave,
  );
  const { report, caller: program } = placed;
  const faults = faultsOf(report, { seconds: options.seconds, possible: null });
  const failed = faults.length > 0;
  await captures.stop({ keep: failed });
  if (!failed) return { report, faults, files: [] };
  lab.command(INTERNET, ['true']); // throws if the softphones ended because their lab did
  const files = [
    ...writeLogs([program, listener], folder, prefix),
    `${prefix}${from}.pcap`,
    `${prefix}${to}.pcap`,
  ];
  return { report, faults, files };
}

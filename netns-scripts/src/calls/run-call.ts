import { join } from 'node:path';
import { Network, type ProgramEvent } from '@overcall/harness';
import { LabError } from '../errors.ts';
import type { Lab } from '../lab.ts';
import { labStage } from '../lab-stage.ts';
import { type CallSpec, type LabSpec, supernodesOf } from '../spec.ts';
import { detachFaults, startIdle } from './detaching.ts';
import { Captures, writeLogs } from './evidence.ts';
import { type CallDemands, faultsOf, type RequiredDirect, relayedNote } from './judge.ts';
import { placeCall, startListener } from './place-call.ts';
import { type CallReport, pathReport } from './report.ts';

/** How long a call of a scenario lasts unless it says so, s. */
const DEFAULT_SECONDS = 8;

export interface CallOptions {
  /** A relayed call where a direct one is possible is a failure. */
  requireDirect?: RequiredDirect | undefined;
  /** Captures stay even if the call passed. */
  keepCaptures?: boolean;
  /** False where somebody else captures. */
  captures?: boolean;
  /** Ends the call as if it were over; that is no fault. */
  end?: AbortSignal | undefined;
}

export interface CallResult {
  /** Null if there was none: the programs around it did not start. */
  report: CallReport | null;
  seconds: number;
  /** What `expect` says of the two hosts. */
  possible: CallDemands['possible'];
  /** In what it was not as it should be. */
  faults: string[];
  notes: string[];
  /** Files beside results.json. */
  logs: string[];
  captures: string[];
}

export type Progress = (event: string, fields: object) => void;

/**
 * Starts a directory, supernodes and softphones in a lab that stands, has one call the other and stops everything.
 * @param onAnswer what is to happen from the answer on; it ends when its signal is aborted
 * @throws LabError
 */
export async function runCall(
  lab: Lab,
  spec: LabSpec & { call: CallSpec },
  folder: string,
  progress: Progress,
  options: CallOptions,
  onAnswer: (over: AbortSignal) => Promise<void>,
): Promise<CallResult> {
  const { from, to, seconds = DEFAULT_SECONDS, maxGapMs } = spec.call;
  const leaves = leavesOf(spec);
  const possible = possiblePath(spec, from, to);
  const result: CallResult = {
    report: null,
    seconds,
    possible,
    faults: [],
    notes: [],
    logs: [],
    captures: [],
  };
  const watched = [...new Set([from, to, ...supernodesOf(spec)])];
  const captures = options.captures === false ? null : await Captures.start(lab, watched, folder);
  // In the lab's own /run, so that it goes with the lab however that ends.
  const data = join(lab.runFolder, 'call');
  try {
    const report = await perform(lab, spec, data, progress, onAnswer, result, folder, options.end);
    if (options.end?.aborted) result.faults = [];
    else if (report !== null) {
      result.report = report;
      const { requireDirect } = options;
      const demands = {
        ...{ seconds, possible, requireDirect },
        ...(maxGapMs === undefined ? {} : { maxGapMs }),
        ...(leaves === null ? {} : { leaves }),
      };
      result.faults.push(...faultsOf(report, demands));
      const note = relayedNote(report, demands);
      if (note !== null && requireDirect === undefined) result.notes.push(note);
    }
  } finally {
    const keep = (options.keepCaptures ?? false) || result.faults.length > 0;
    await captures?.stop({ keep });
    if (captures && keep) result.captures = watched.map((host) => `${host}.pcap`);
  }
  return result;
}

/** Null when it came to no call; why is then among the faults. */
async function perform(
  lab: Lab,
  spec: LabSpec & { call: CallSpec },
  data: string,
  progress: Progress,
  onAnswer: (over: AbortSignal) => Promise<void>,
  result: CallResult,
  folder: string,
  end: AbortSignal | undefined,
): Promise<CallReport | null> {
  const { from, to } = spec.call;
  // The lab outlives its programs: captures are to be complete.
  const stage = { ...labStage(lab), close: async () => {} };
  const over = new AbortController();
  let network: Network | undefined;
  let happening = Promise.resolve();
  try {
    network = await Network.start(stage, data, { supernodes: supernodesOf(spec), end });
    progress('serving', { supernodes: supernodesOf(spec) });
    const users = [from, to, ...(spec.call.idle ?? [])];
    await Promise.all(users.map((user) => network!.register(user, user)));
    if (spec.call.directory === 'killed') {
      network.directory.signal('SIGKILL');
      await network.directory.exited;
    }
    const listener = await startListener(network, to);
    const { idle: hosts = [] } = spec.call;
    const idle = await Promise.all(
      hosts.map(async (host) => startIdle(await startListener(network!, host), spec)),
    );
    progress('calling', { from, to });
    let answered: ProgramEvent | undefined;
    const onEvent = (event: ProgramEvent) => {
      if (event.event === 'answered') {
        answered = event;
        progress('answered', { setupMs: event.setupMs });
        happening = onAnswer(over.signal);
        happening.catch(() => {}); // awaited below, when the call is over
      } else if (event.event === 'path') {
        const { atMs, kind, transport, via, rttMs } = pathReport(event, answered);
        progress('path', { atMs, kind, transport, via, rttMs });
      } else if (event.event === 'first-audio') {
        progress('first-audio', { host: from, msSinceAnswer: event.msSinceAnswer });
      }
    };
    const { report, caller } = await placeCall(network, from, to, {
      ...{ listener, onEvent },
      seconds: result.seconds,
    });
    const { detaches } = spec.call;
    if (detaches !== undefined && answered !== undefined) {
      const eventAt = Number(answered.at) + 1000 * Math.min(...(spec.events ?? []).map(({ at }) => at));
      result.faults.push(...(await detachFaults([caller, listener, ...idle], detaches, eventAt)));
    }
    if (spec.call.lookup === 'afterwards') await lookUpAgain(network, from, to, result);
    progress('ended', {
      caller: report.caller.ended,
      callee: report.callee.ended,
      durationS: report.durationS,
    });
    return report;
  } catch (error) {
    if (error instanceof LabError) throw error;
    result.faults.push((error as Error).message.split('\n')[0]!);
    return null;
  } finally {
    over.abort();
    await network?.stopPrograms();
    result.logs = writeLogs(network?.programs ?? [], folder);
    await happening;
  }
}

/** Somebody who is found is attached, too. */
async function lookUpAgain(network: Network, from: string, to: string, result: CallResult): Promise<void> {
  const looking = network.overcall(from, from, 'lookup', to);
  const code = await looking.exited;
  if (code !== 0) result.faults.push(`afterwards ${from} did not find ${to}: ${looking.stderr.trim()}`);
}

function leavesOf({
  call,
  events = [],
}: LabSpec & { call: CallSpec }): NonNullable<CallDemands['leaves']> | null {
  if (call.leaves === undefined) return null;
  const { supernode, withinMs } = call.leaves;
  if (withinMs === undefined) return { supernode, byMs: Number.POSITIVE_INFINITY };
  return { supernode, byMs: 1000 * Math.min(...events.map(({ at }) => at)) + withinMs };
}

function possiblePath(spec: LabSpec, from: string, to: string): CallDemands['possible'] {
  const about = spec.expect?.find(({ between }) => between.includes(from) && between.includes(to));
  return about?.path ?? null;
}

import type { Lab } from '../lab.ts';
import { type CallSpec, type LabSpec, supernodesOf } from '../spec.ts';
import { Captures } from './evidence.ts';
import { type CallDemands, faultsOf, leaveDemand, type RequiredDirect, relayedNote } from './judge.ts';
import { type Happenings, PlayedCall, type Progress } from './played-call.ts';
import type { CallReport } from './report.ts';

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

/**
 * Starts a directory, supernodes and softphones in a lab that stands, has one call the other and stops everything.
 * @throws LabError
 */
export async function runCall(
  lab: Lab,
  spec: LabSpec & { call: CallSpec },
  folder: string,
  progress: Progress,
  options: CallOptions,
  happenings: Happenings,
): Promise<CallResult> {
  const { from, to, seconds = DEFAULT_SECONDS, maxGapMs } = spec.call;
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
  const call = new PlayedCall({ lab, spec, seconds, folder, progress, happenings, end: options.end });
  try {
    const report = await call.play();
    result.logs = call.logs;
    result.faults.push(...call.faults);
    if (options.end?.aborted) result.faults = [];
    else if (report !== null) {
      result.report = report;
      const { requireDirect } = options;
      const leaves = spec.call.leaves && leaveDemand(spec.call.leaves, happenings.firstMs ?? 0);
      const demands = {
        ...{ seconds, possible, requireDirect },
        ...(maxGapMs === undefined ? {} : { maxGapMs }),
        ...(leaves === undefined ? {} : { leaves }),
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

function possiblePath(spec: LabSpec, from: string, to: string): CallDemands['possible'] {
  const about = spec.expect?.find(({ between }) => between.includes(from) && between.includes(to));
  return about?.path ?? null;
}

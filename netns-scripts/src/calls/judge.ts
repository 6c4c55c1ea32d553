import type { CallReport, SideReport } from './report.ts';

/** That a direct path has carried the call, or that it did when the call ended. */
export type RequiredDirect = 'once' | 'in-the-end';

/** What is asked of a call. */
export interface CallDemands {
  seconds: number;
  maxGapMs?: number;
  requireDirect?: RequiredDirect | undefined;
  /** The caller's audio is not to go over this supernode any more from that time after the answer on. */
  leaves?: { supernode: string; byMs: number };
  /** What the network allows; null if the scenario does not say. */
  possible: 'direct' | 'relay' | null;
}

/** Frames a second, 20 ms each. */
const FRAMES_PER_S = 50;
/** Of the frames of the whole call, so many must have been played for it to count as a talk. */
const HEARD_SHARE = 0.5;
/** A call in which a program waited for a processor for so much of the time can lose any part of its sound. */
const HELD_UP_SHARE = 0.25;
/** A call may be shorter than it was meant to be by so much, s: clocks of two processes. */
const TOLERANCE_S = 0.3;

/** In what the call was not as it should be, one line each; none means that it passed. */
export function faultsOf(call: CallReport, demands: CallDemands): string[] {
  if (!call.answered) {
    const why = call.complaint ?? call.caller.ended;
    return [`${call.to} did not answer ${call.from}${why === null ? '' : `: ${why}`}`];
  }
  const faults = [
    ...soundFaults(call.from, call.caller, demands),
    ...soundFaults(call.to, call.callee, demands),
    ...endFaults(call, demands),
    ...leaveFaults(call, demands),
  ];
  const { requireDirect, possible } = demands;
  const isMet = requireDirect === 'once' ? wasDirect(call) : isDirect(call);
  if (requireDirect !== undefined && possible !== 'relay' && !isMet)
    faults.push(relayedNote(call, demands) ?? 'the call was not direct');
  return faults;
}

/**
 * Whether one of the two had to wait for the machine for so much of the call that what was heard says nothing about the softphones: what is not said or
 * played in time is never heard.
 */
export function wasHeldUp({ answered, caller, callee }: CallReport, seconds: number): boolean {
  const mostMs = Math.max(caller.waitedMs ?? 0, callee.waitedMs ?? 0);
  return answered && mostMs >= HELD_UP_SHARE * seconds * 1000;
}

/** Not a fault unless direct paths are required. */
export function relayedNote(call: CallReport, { possible }: Pick<CallDemands, 'possible'>): string | null {
  const relayed = call.answered && possible === 'direct' && !isDirect(call);
  return relayed ? 'relayed although a direct path is possible' : null;
}

/** The word for the path that the call had in the end: `direct`, `relay`, `overlay`, `tcp`; null without one. */
export function pathWord({ paths }: Pick<CallReport, 'paths'>): string | null {
  const last = paths.at(-1);
  if (last === undefined) return null;
  return last.transport === 'tcp' ? 'tcp' : last.kind;
}

const isDirect = (call: CallReport): boolean => call.paths.at(-1)?.kind === 'direct';
const wasDirect = (call: CallReport): boolean => call.paths.some(({ kind }) => kind === 'direct');

function soundFaults(name: string, side: SideReport, { seconds, maxGapMs }: CallDemands): string[] {
  const wanted = seconds * FRAMES_PER_S;
  if (side.firstAudioMs === null || side.playedFrames === 0) return [`${name} heard nothing`];
  const share = side.playedFrames / wanted;
  const faults: string[] = [];
  if (share < HEARD_SHARE)
    faults.push(
      `${name} heard ${Math.round(100 * share)}% (${side.playedFrames} of ${wanted} frames${waitWords(side)})`,
    );
  if (maxGapMs !== undefined && side.longestGapMs !== null && side.longestGapMs > maxGapMs)
    faults.push(`${name} heard nothing for ${side.longestGapMs} ms, more than ${maxGapMs} ms`);
  return faults;
}

const waitWords = ({ waitedMs }: SideReport): string =>
  waitedMs === null ? '' : `; its program waited ${waitedMs} ms for a processor`;

/** Until when a supernode has to have been left: counted from when the first event did happen, ms after the answer. */
export function leaveDemand(
  { supernode, withinMs = Number.POSITIVE_INFINITY }: { supernode: string; withinMs?: number },
  firstEventMs: number,
): NonNullable<CallDemands['leaves']> {
  return { supernode, byMs: firstEventMs + withinMs };
}

function leaveFaults({ from, paths }: CallReport, { leaves }: CallDemands): string[] {
  if (leaves === undefined) return [];
  const { supernode, byMs } = leaves;
  const before = paths.filter(({ atMs }) => (atMs ?? 0) <= byMs).at(-1);
  const after = paths.filter(({ atMs }) => (atMs ?? 0) > byMs);
  const used = [...(before ? [before] : []), ...after].some(({ via }) => via.includes(supernode));
  const since = Number.isFinite(byMs) ? ` ${byMs} ms after the answer or later` : ' in the end';
  return used ? [`what ${from} said went over ${supernode}${since}`] : [];
}

function endFaults({ from, to, caller, callee, durationS }: CallReport, { seconds }: CallDemands): string[] {
  const faults: string[] = [];
  if (caller.ended !== 'hangup') faults.push(`it ended for ${from} with ${caller.ended ?? 'no word'}`);
  if (callee.ended !== 'remote-hangup') faults.push(`it ended for ${to} with ${callee.ended ?? 'no word'}`);
  if (durationS !== null && durationS < seconds - TOLERANCE_S)
    faults.push(`it lasted ${durationS} s, not ${seconds} s`);
  return faults;
}

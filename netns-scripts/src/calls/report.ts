import type { ProgramEvent } from '@overcall/harness';

/** A path that the call took, as the caller's softphone said. */
export interface PathReport {
  /** Since the answer; negative if it was proven while it rang. */
  atMs: number | null;
  kind: string;
  transport: string;
  /** Supernodes, in order. */
  via: string[];
  rttMs: number | null;
  reason: string;
}

/** What one softphone said about its side of the call. Null is what it did not say. */
export interface SideReport {
  /** From the answer to the first frame that was received and played. */
  firstAudioMs: number | null;
  longestGapMs: number | null;
  /** Packets that never came, of those that were expected. */
  lossPct: number | null;
  /** E-model (ITU-T G.107). */
  mos: number | null;
  sentPackets: number;
  receivedPackets: number;
  playedFrames: number;
  concealedFrames: number;
  /** From the answer to the end, for a processor of this machine; null where the kernel does not tell. */
  waitedMs: number | null;
  /** How the call ended, as this side saw it. */
  ended: string | null;
}

export interface CallReport {
  from: string;
  to: string;
  answered: boolean;
  setupMs: number | null;
  durationS: number | null;
  /** From the answer; null when it never was direct. */
  timeToDirectMs: number | null;
  paths: PathReport[];
  /** What the caller's softphone said on standard error in the end. */
  complaint: string | null;
  caller: SideReport;
  callee: SideReport;
}

/** What a softphone said; a `Program` is one. */
export interface Said {
  events: readonly ProgramEvent[];
  stderr: string;
}

/** Reads what two softphones said about the call that the caller has placed, and what each waited for a processor. */
export function reportOf(
  from: string,
  to: string,
  caller: Said,
  callee: Said,
  [callerWaitedMs = null, calleeWaitedMs = null]: readonly (number | null)[] = [],
): CallReport {
  const callId = named(caller.events, 'calling')?.callId;
  const own = ({ events }: Said) => events.filter((event) => callId !== undefined && event.callId === callId);
  const [mine, theirs] = [own(caller), own(callee)];
  const answered = named(mine, 'answered');
  const ended = named(mine, 'ended');
  return {
    from,
    to,
    answered: answered !== undefined,
    setupMs: numberOr(answered?.setupMs, null),
    durationS: answered ? numberOr(ended?.durationS, null) : null,
    timeToDirectMs: numberOr((ended?.totals as Totals | undefined)?.timeToDirectMs, null),
    paths: mine.filter(({ event }) => event === 'path').map((path) => pathReport(path, answered)),
    complaint: caller.stderr.trim().split('\n').at(-1) || null,
    caller: { ...sideReport(mine), waitedMs: callerWaitedMs },
    callee: { ...sideReport(theirs), waitedMs: calleeWaitedMs },
  };
}

export function pathReport(event: ProgramEvent, answered: ProgramEvent | undefined): PathReport {
  const { kind, transport, via, rttMs, reason } = event;
  return {
    atMs: answered ? Number(event.at) - Number(answered.at) : null,
    kind: String(kind),
    transport: String(transport),
    via: (via as string[] | undefined) ?? [],
    rttMs: numberOr(rttMs, null),
    reason: String(reason),
  };
}

type Totals = Record<string, number | null>;

function sideReport(events: readonly ProgramEvent[]): Omit<SideReport, 'waitedMs'> {
  const ended = named(events, 'ended');
  const totals = ended?.totals as Totals | undefined;
  const count = (key: string) => totals?.[key] ?? 0;
  const [received, lost] = [count('receivedPackets'), count('lostPackets')];
  const heard = received > 0;
  return {
    firstAudioMs: numberOr(named(events, 'first-audio')?.msSinceAnswer, null),
    longestGapMs: heard ? count('longestGapMs') : null,
    lossPct: heard ? Number(((100 * lost) / (received + lost)).toFixed(2)) : null,
    mos: numberOr(totals?.mos, null),
    sentPackets: count('sentPackets'),
    receivedPackets: received,
    playedFrames: count('playedFrames'),
    concealedFrames: count('concealedFrames'),
    ended: ended === undefined ? null : String(ended.reason),
  };
}

const named = (events: readonly ProgramEvent[], name: string) => events.find(({ event }) => event === name);

const numberOr = <T>(value: unknown, otherwise: T): number | T =>
  typeof value === 'number' ? value : otherwise;
